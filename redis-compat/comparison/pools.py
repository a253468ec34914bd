"""What arguments are drawn from: ordinary values, edges, nonsense.

Times are far from now, in either direction, so that no key expires while two servers are compared.
What differs on purpose is missing, see NOT_SENT in differences.py.
"""

KEYS = [b"a", b"b", b"c", b"d", b"e:1", b"e:2", b"{t}x", b"{t}y", b"\x00\xff\r\n\"", b"", b"K*[a]?",
        b"long" * 80]
TEXTS = [b"", b"x", b"hello", b"hello world", b"ohmytext", b"mynewtext", b"\x00\x01\xfe\xff",
         b"caf\xc3\xa9", b"\r\n", b" 12", b"12 ", b"+5", b"-0", b"00", b"0x10", b"nan", b"inf",
         b"abc" * 30, b"ab" * 700, b"\xff" * 40, b"y" * 44, b"z" * 45, b"\x00" * 64]
INTEGERS = [b"0", b"1", b"-1", b"2", b"3", b"-2", b"-3", b"5", b"7", b"8", b"10", b"63", b"64",
            b"100", b"255", b"256", b"1000", b"-100", b"12345", b"2147483647", b"2147483648",
            b"-2147483648", b"-2147483649", b"4294967295", b"4294967296", b"536870912",
            b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
            b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616",
            b"99999999999999999999999"]
SMALL = [b"0", b"1", b"-1", b"2", b"3", b"4", b"-2", b"-5", b"6", b"9", b"17", b"100", b"-100"]
NOT_INTEGERS = [b"", b" ", b"1.5", b"1e3", b"abc", b"+1", b"01", b" 1", b"1 ", b"-", b"--1", b"0x1",
                b"1\x00", b"-0", b"nan"]
FLOATS = [b"0", b"1", b"-1", b"0.1", b"-0.1", b"3.0", b"1.5", b"1e3", b"5.0e3", b"1e-5", b"1e20",
          b"1e300", b"-1e300", b"1e400", b"1e-400", b"inf", b"-inf", b"+inf", b"Infinity", b"nan",
          b"0x1p4", b".5", b"5.", b"+1.5", b" 1.5", b"1.5 ", b"1,5", b"", b"abc", b"1e", b"1e5000",
          b"3.14159265358979323846", b"0.00000000000000001", b"123456789012345678.5",
          b"99999999999999999999", b"1e17", b"1e-17", b"-0", b"-0.0", b"2e2", b"0.3"]
# Seconds or milliseconds from now: long gone or far away, whichever unit it is.
PERIODS = [b"0", b"-1", b"-1000", b"100000", b"1000000", b"5000000", b"5000001", b"2147483648",
           b"-9223372036854775808", b"-9223372036854775", b"9223372036854775808", b"1.5", b"", b"x"]
SECONDS = PERIODS + [b"9223372036854776", b"9223372036854775807"]
MOMENTS = [b"1", b"0", b"-1", b"1000", b"4102444800", b"4102444801",
           b"-9223372036854775808", b"9223372036854775808", b"1.5", b"", b"x"]
MOMENTS_MS = MOMENTS + [b"4102444800000", b"4102444801000", b"281474976710655"]
MOMENTS_S = MOMENTS + [b"9223372036854776", b"9223372036854775807", b"-9223372036854776"]
PATTERNS = [b"*", b"a", b"?", b"[a-c]", b"[^a]", b"e:*", b"*x*", b"{t}*", b"\\a", b"K\\*\\[a\\]\\?",
            b"", b"[", b"[a", b"[a-", b"*" * 20 + b"b", b"long*", b"**", b"e:[1-2]", b"e:[2-1]",
            b"\\",
            b"[^", b"h?llo", b"c*", b"ch*", b"x[\\]]"]
CHANNELS = [b"ch1", b"ch2", b"c\x00\xff", b"", b"x]", b"hello"]
NAMES = [b"me", b"", b"two words", b"new\nline", b"caf\xc3\xa9", b"~", b"!", b"x" * 70]
UNKNOWN = [b"NOSUCH", b"", b"get\n", b"G\x00T", b"SE T", b"\xff\xfe", b"a" * 200, b"GETT",
           b"CONFIG|GET",
           b"client|id", b"HELP", b"post2", b"hos t:"]
# Options that mean the same in both servers and change nothing else of what is compared.
CONFIG_VALUES = {
    b"timeout": [b"0", b"1000", b"-1", b"x", b""],
    b"tcp-keepalive": [b"300", b"0", b"-1", b"x"],
    b"maxclients": [b"10000", b"100", b"x"],
    b"proto-max-bulk-len": [b"1048576", b"1mb", b"2MB", b"-1", b"1zb", b"x"],
    b"client-query-buffer-limit": [b"1gb", b"1073741824", b"1mb", b"1", b"x"],
    b"client-output-buffer-limit": [b"normal 0 0 0", b"pubsub 32mb 8mb 60", b"normal 0 0",
                                    b"x 0 0 0",
                                    b"normal 0 0 x", b"replica 256mb 64mb 60 pubsub 1gb 0 0", b"",
                                    b"normal -1 0 0", b"slave 256mb 64mb 60"],
    b"maxmemory": [b"0", b"100mb", b"1g", b"-1", b"50%", b"x"],
    b"maxmemory-policy": [b"noeviction", b"NOEVICTION", b"allkeys-lru", b"nosuch", b""],
    b"maxmemory-samples": [b"5", b"64", b"0", b"x"],
    b"lfu-log-factor": [b"10", b"0", b"-1"], b"lfu-decay-time": [b"1", b"0", b"x"],
    b"loglevel": [b"notice", b"WARNING", b"nosuch"],
    b"slowlog-max-len": [b"128", b"0", b"-1", b"x"],
    b"slowlog-log-slower-than": [b"-1", b"x"],
    b"latency-monitor-threshold": [b"0", b"-1", b"x"],
    b"latency-tracking": [b"yes", b"no", b"YES", b"1", b""],
    b"latency-tracking-info-percentiles": [b"50 99 99.9", b"", b"0 100", b"101", b"-1", b"x",
                                           b"50.5"],
    b"appendfsync": [b"everysec", b"always", b"no", b"x"],
    b"databases": [b"16", b"4"], b"unixsocketperm": [b"700"], b"nosuch": [b"1"],
    b"protected-mode": [b"yes", b"no", b"x"],
    b"requirepass": [b"secret", b""],
}
SHARED_OPTIONS = [name for name in CONFIG_VALUES if name != b"nosuch"]
EXPIRY = [(b"EX", SECONDS), (b"PX", PERIODS), (b"EXAT", MOMENTS_S), (b"PXAT", MOMENTS_MS)]
ENCODINGS = [b"u8", b"i8", b"u1", b"i1", b"u4", b"i5", b"u16", b"i16", b"u32", b"i64", b"u63",
             b"u64",
             b"i65", b"u0", b"i0", b"U8", b"x8", b"8", b"", b"u", b"u8x", b"u-1"]
BIT_OFFSETS = [b"0", b"1", b"7", b"8", b"9", b"31", b"100", b"1000", b"-1", b"4294967296", b"#0",
               b"#1",
               b"#7", b"#-1", b"#", b"", b"x", b"9223372036854775807", b"#9223372036854775807",
               b"8388608"]
INLINE = [b"PING", b"ping", b"  PING  ", b"GET a", b'SET a "x y"', b"SET a 'it\\'s'",
          b'SET a "\\x41\\n\\""',
          b"", b"   ", b"ECHO ''", b'ECHO "a"b', b"ECHO 'open", b'ECHO "open', b"GET a\tb",
          b"MULTI", b"EXEC",
          b"nosuch a b", b"get", b'"PING"', b"ECHO \"\\xZZ\"", b"ECHO a\"b\""]
BROKEN = [b"*-1\r\n", b"*0\r\n", b"*-5\r\n", b"*x\r\n", b"*\r\n", b"*1\r\nPING\r\n",
          b"*1\r\n$-1\r\n", b"*1\r\n$x\r\n",
          b"*1\r\n$\r\n", b"*2147483648\r\n", b"*1048577\r\n", b"*1\r\n$536870913\r\n",
          b"*1\r\n$99999999999999999999\r\n",
          b"*1\r\n:1\r\n", b"*01\r\n$4\r\nPING\r\n", b"*+1\r\n$4\r\nPING\r\n",
          b"*1\r\n$04\r\nPING\r\n", b"* 1\r\n$4\r\nPING\r\n",
          b"*1\n$4\r\nPING\r\n", b"*1\r\n$4\r\nPINGxx", b"*1 \r\n", b"*1.5\r\n",
          b"*1\r\n$1048577\r\n", b"$4\r\nPING\r\n"]
