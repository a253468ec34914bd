"""What RESTORE takes: a string as Redis's DUMP would write it, and ways to damage it."""

RDB_VERSION = 10  # of Redis 7.0
_POLYNOMIAL = 0xAD93D23594C935A9  # CRC-64/Jones, reflected below


def _table():
    reflected = int(f"{_POLYNOMIAL:064b}"[::-1], 2)
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (reflected if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def _crc64(data):
    crc = 0
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc


def _length(size):
    if size < 1 << 6:
        return bytes([size])
    if size < 1 << 14:
        return bytes([0x40 | size >> 8, size & 255])
    return b"\x80" + size.to_bytes(4, "big")


def _body(value, random):
    choice = random.random()
    if choice < 0.1:
        return b"\x00\xc0" + bytes([random.randrange(256)])
    if choice < 0.2:
        return b"\x00\xc1" + random.randrange(1 << 16).to_bytes(2, "little")
    if choice < 0.3:
        return b"\x00\xc2" + random.randrange(1 << 32).to_bytes(4, "little")
    return b"\x00" + _length(len(value)) + value


def make(value, random):
    """A payload for `value` or for an integer; one in five is damaged or of another version."""
    version = RDB_VERSION if random.random() < 0.9 else random.choice([1, 9, 11, 255])
    data = _body(value, random)
    data += version.to_bytes(2, "little")
    data += _crc64(data).to_bytes(8, "little")
    if random.random() < 0.05:
        at = random.randrange(len(data))
        data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1:]
    if random.random() < 0.03:
        data = data[:random.randrange(len(data))]
    return data
