"""The night: the stages in order. Reading this is reading the method."""
