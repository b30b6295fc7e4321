"""Chinese cities with a car market: approximate place and weight, written for this package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EARTH_RADIUS_KM = 6371.0

# name, Chinese name, degrees north, degrees east, weight of the car market (Beijing and Shanghai 100)
_CITIES = """
Beijing 北京 39.90 116.41 100
Shanghai 上海 31.23 121.47 100
Guangzhou 广州 23.13 113.26 85
Shenzhen 深圳 22.54 114.06 85
Chengdu 成都 30.57 104.07 84
Chongqing 重庆 29.56 106.55 72
Hangzhou 杭州 30.27 120.16 62
Wuhan 武汉 30.59 114.31 60
Suzhou 苏州 31.30 120.59 60
Tianjin 天津 39.13 117.20 55
Xian 西安 34.34 108.94 55
Zhengzhou 郑州 34.75 113.63 54
Nanjing 南京 32.06 118.80 48
Dongguan 东莞 23.02 113.75 46
Foshan 佛山 23.02 113.12 42
Ningbo 宁波 29.87 121.55 42
Qingdao 青岛 36.07 120.38 41
Changsha 长沙 28.23 112.94 40
Shenyang 沈阳 41.80 123.43 38
Jinan 济南 36.65 117.12 37
Kunming 昆明 25.04 102.71 36
Hefei 合肥 31.82 117.23 34
Shijiazhuang 石家庄 38.04 114.51 34
Wuxi 无锡 31.57 120.30 32
Harbin 哈尔滨 45.80 126.53 30
Changchun 长春 43.82 125.32 30
Dalian 大连 38.91 121.61 29
Wenzhou 温州 28.00 120.67 29
Quanzhou 泉州 24.87 118.68 28
Xiamen 厦门 24.48 118.09 26
Fuzhou 福州 26.07 119.30 26
Taiyuan 太原 37.87 112.55 25
Nanning 南宁 22.82 108.37 25
Jinhua 金华 29.08 119.65 24
Guiyang 贵阳 26.65 106.63 24
Urumqi 乌鲁木齐 43.83 87.62 24
Nanchang 南昌 28.68 115.86 23
Linyi 临沂 35.10 118.36 22
Weifang 潍坊 36.71 119.16 22
Nantong 南通 31.98 120.89 22
Changzhou 常州 31.81 119.97 21
Tangshan 唐山 39.63 118.18 21
Baoding 保定 38.87 115.46 21
Yantai 烟台 37.46 121.45 20
Xuzhou 徐州 34.26 117.19 20
Lanzhou 兰州 36.06 103.83 19
Taizhou 台州 28.66 121.42 19
Jiaxing 嘉兴 30.75 120.76 19
Shaoxing 绍兴 30.00 120.58 18
Hohhot 呼和浩特 40.84 111.75 18
Zhongshan 中山 22.52 113.39 17
Huizhou 惠州 23.11 114.42 17
Luoyang 洛阳 34.62 112.45 17
Yinchuan 银川 38.49 106.23 15
Handan 邯郸 36.63 114.54 15
Zibo 淄博 36.81 118.05 15
Haikou 海口 20.04 110.20 15
Yancheng 盐城 33.35 120.16 15
Jining 济宁 35.41 116.59 15
Cangzhou 沧州 38.30 116.84 15
Langfang 廊坊 39.54 116.68 14
Yangzhou 扬州 32.39 119.41 14
Taizhou-JS 泰州 32.46 119.92 13
Zhuhai 珠海 22.27 113.58 13
Jiangmen 江门 22.58 113.08 13
Nanyang 南阳 32.99 112.53 13
Baotou 包头 40.66 109.84 13
Zhenjiang 镇江 32.19 119.43 12
Huzhou 湖州 30.89 120.09 12
Shantou 汕头 23.35 116.68 12
Zhangzhou 漳州 24.51 117.65 12
Ganzhou 赣州 25.83 114.93 12
Xingtai 邢台 37.07 114.50 12
Heze 菏泽 35.23 115.48 12
Xinxiang 新乡 35.30 113.93 12
Zhoukou 周口 33.63 114.70 11
Shangqiu 商丘 34.41 115.66 11
Fuyang 阜阳 32.89 115.81 11
Wuhu 芜湖 31.35 118.43 11
Liuzhou 柳州 24.33 109.42 11
Guilin 桂林 25.27 110.29 11
Zunyi 遵义 27.73 106.93 11
Mianyang 绵阳 31.47 104.68 11
Yichang 宜昌 30.69 111.29 11
Xiangyang 襄阳 32.01 112.12 11
Hengyang 衡阳 26.89 112.57 11
Zhuzhou 株洲 27.83 113.13 10
Yueyang 岳阳 29.36 113.13 10
Changde 常德 29.03 111.70 10
Xining 西宁 36.62 101.78 10
Ordos 鄂尔多斯 39.61 109.78 10
Daqing 大庆 46.59 125.10 10
Anshan 鞍山 41.11 122.99 10
Jilin 吉林 43.84 126.55 10
Qiqihar 齐齐哈尔 47.35 123.92 9
Datong 大同 40.08 113.30 9
Yuncheng 运城 35.03 111.01 9
Changzhi 长治 36.20 113.12 9
Linfen 临汾 36.09 111.52 9
Xianyang 咸阳 34.33 108.71 9
Baoji 宝鸡 34.36 107.24 9
Weinan 渭南 34.50 109.51 8
Yulin-SN 榆林 38.29 109.73 9
Dezhou 德州 37.43 116.36 10
Liaocheng 聊城 36.46 115.99 10
Taian 泰安 36.20 117.09 10
Rizhao 日照 35.42 119.53 8
Weihai 威海 37.51 122.12 9
Dongying 东营 37.43 118.67 9
Binzhou 滨州 37.38 117.97 9
Zaozhuang 枣庄 34.81 117.32 9
Qinhuangdao 秦皇岛 39.94 119.60 9
Zhangjiakou 张家口 40.77 114.89 8
Chengde 承德 40.95 117.96 7
Hengshui 衡水 37.74 115.67 8
Anyang 安阳 36.10 114.39 9
Kaifeng 开封 34.80 114.31 9
Pingdingshan 平顶山 33.77 113.19 9
Xuchang 许昌 34.04 113.85 9
Jiaozuo 焦作 35.22 113.24 8
Zhumadian 驻马店 33.01 114.02 9
Xinyang 信阳 32.15 114.09 9
Puyang 濮阳 35.76 115.03 7
Huaian 淮安 33.61 119.02 10
Lianyungang 连云港 34.60 119.22 10
Suqian 宿迁 33.96 118.28 9
Lishui 丽水 28.47 119.92 7
Quzhou 衢州 28.94 118.87 7
Zhoushan 舟山 30.00 122.21 6
Bengbu 蚌埠 32.92 117.39 8
Anqing 安庆 30.54 117.06 7
Chuzhou 滁州 32.30 118.32 8
Luan 六安 31.74 116.52 7
Suzhou-AH 宿州 33.65 116.96 7
Maanshan 马鞍山 31.67 118.51 7
Huainan 淮南 32.63 117.00 7
Putian 莆田 25.45 119.01 8
Longyan 龙岩 25.08 117.02 7
Sanming 三明 26.26 117.64 6
Ningde 宁德 26.67 119.55 6
Jiujiang 九江 29.71 116.00 8
Shangrao 上饶 28.45 117.94 8
Yichun 宜春 27.81 114.42 7
Jian 吉安 27.11 114.99 7
Jingzhou 荆州 30.33 112.24 8
Huanggang 黄冈 30.45 114.87 8
Shiyan 十堰 32.63 110.80 7
Xiaogan 孝感 30.92 113.92 7
Huangshi 黄石 30.20 115.04 6
Xiangtan 湘潭 27.83 112.94 7
Shaoyang 邵阳 27.24 111.47 8
Chenzhou 郴州 25.77 113.01 8
Yongzhou 永州 26.42 111.61 7
Huaihua 怀化 27.55 109.98 7
Loudi 娄底 27.70 111.99 7
Zhaoqing 肇庆 23.05 112.47 9
Zhanjiang 湛江 21.27 110.36 10
Maoming 茂名 21.66 110.93 9
Jieyang 揭阳 23.55 116.37 9
Qingyuan 清远 23.68 113.06 8
Meizhou 梅州 24.29 116.12 7
Shaoguan 韶关 24.81 113.60 7
Yangjiang 阳江 21.86 111.98 6
Chaozhou 潮州 23.66 116.62 6
Heyuan 河源 23.74 114.70 6
Shanwei 汕尾 22.79 115.38 5
Yulin-GX 玉林 22.65 110.18 8
Wuzhou 梧州 23.48 111.28 6
Beihai 北海 21.48 109.12 6
Qinzhou 钦州 21.98 108.65 6
Baise 百色 23.90 106.62 6
Sanya 三亚 18.25 109.51 7
Nanchong 南充 30.84 106.11 9
Deyang 德阳 31.13 104.40 9
Yibin 宜宾 28.75 104.64 9
Luzhou 泸州 28.87 105.44 8
Leshan 乐山 29.55 103.77 7
Dazhou 达州 31.21 107.47 7
Suining 遂宁 30.53 105.59 6
Zigong 自贡 29.34 104.78 6
Panzhihua 攀枝花 26.58 101.72 5
Wanzhou 万州 30.81 108.41 6
Qujing 曲靖 25.49 103.80 9
Yuxi 玉溪 24.35 102.55 7
Dali 大理 25.61 100.27 7
Honghe 红河 23.36 103.38 7
Bijie 毕节 27.30 105.29 7
Liupanshui 六盘水 26.59 104.83 6
Tongren 铜仁 27.73 109.19 6
Lhasa 拉萨 29.65 91.14 6
Tianshui 天水 34.58 105.72 6
Jiuquan 酒泉 39.73 98.49 5
Qingyang 庆阳 35.71 107.64 5
Hanzhong 汉中 33.07 107.02 6
Chifeng 赤峰 42.26 118.89 8
Tongliao 通辽 43.65 122.24 6
Hulunbuir 呼伦贝尔 49.21 119.77 5
Jinzhou 锦州 41.10 121.13 7
Yingkou 营口 40.67 122.24 7
Fushun 抚顺 41.88 123.96 6
Dandong 丹东 40.00 124.35 6
Huludao 葫芦岛 40.71 120.84 6
Chaoyang-LN 朝阳 41.57 120.45 6
Siping 四平 43.17 124.35 5
Songyuan 松原 45.14 124.83 5
Yanji 延吉 42.89 129.51 6
Mudanjiang 牡丹江 44.55 129.63 6
Jiamusi 佳木斯 46.80 130.32 6
Suihua 绥化 46.65 126.97 6
Korla 库尔勒 41.73 86.17 6
Kashgar 喀什 39.47 75.99 6
Yining 伊宁 43.92 81.28 6
Aksu 阿克苏 41.17 80.26 5
Jinzhong 晋中 37.69 112.75 7
Lvliang 吕梁 37.52 111.14 6
"""

# where distribution centres stand, in the order in which they are opened
DC_CITIES = (
    ("DC-BJ", "Beijing"),
    ("DC-SH", "Shanghai"),
    ("DC-FS", "Foshan"),
    ("DC-CD", "Chengdu"),
    ("DC-WH", "Wuhan"),
    ("DC-SY", "Shenyang"),
    ("DC-XA", "Xian"),
    ("DC-ZZ", "Zhengzhou"),
    ("DC-CS", "Changsha"),
    ("DC-UR", "Urumqi"),
)


class City(NamedTuple):
    """A city: names, place in degrees, weight of its car market."""

    name: str
    chinese_name: str
    latitude: float
    longitude: float
    weight: float


def read_cities() -> list[City]:
    """Every city, largest market first.

    Examples
    --------
    >>> read_cities()[0].name, len(read_cities()) > 160
    ('Beijing', True)
    """
    rows = (line.split() for line in _CITIES.strip().splitlines())
    return [City(row[0], row[1], float(row[2]), float(row[3]), float(row[4])) for row in rows]


def great_circle_km(
    from_latitude: np.ndarray, from_longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray
) -> np.ndarray:
    """Distance over the sphere, km to the metre; arguments in degrees, broadcast against each other.

    Examples
    --------
    >>> float(great_circle_km(np.array(39.90), np.array(116.41), np.array(31.23), np.array(121.47)).round())
    1067.0
    """
    lat_1, lon_1, lat_2, lon_2 = (np.radians(x) for x in (from_latitude, from_longitude, to_latitude, to_longitude))
    half = np.sin((lat_2 - lat_1) / 2) ** 2 + np.cos(lat_1) * np.cos(lat_2) * np.sin((lon_2 - lon_1) / 2) ** 2
    return np.round(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half)), 3)
