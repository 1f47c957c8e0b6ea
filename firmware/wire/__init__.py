"""The codec of Capra's link: the same files on the collar, on the station and in the backend.

Bytes in, records out, and back; no state, no input or output, integers only, units in the
names. Runs on CPython and on MicroPython. The version of the format is `frame.VERSION`.

    frame     header, nonce, sealing of one LoRa packet      seal, aes   AES-CCM
    data      DATA payload: records (bits; fix with model, status, activity, alarm, health)
    hello     HELLO payload: inventory                       ack         ACK payload
    config    CONFIG payload: settings                       command     COMMAND payload
    bridge    messages on the serial line (cobs, crc)        ranges      sets of record numbers
    airtime, region   time on air, channels, limits          identity, varint, errors
"""
