"""Two checkouts of tracksmith, one list of requests: are the finished files equal, byte by byte?"""
