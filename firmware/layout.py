"""Where everything lies in the collar's FRAM.

address  bytes    what
0x00000  2 x 32   identity: who this collar is and its key; two copies, written once
0x00080  2 x 14   counter: the next nonce counter, and the epoch it counts in
0x000C0  2 x 16   generation of the record log, and whose log it is
0x00100  2 x 32   the next identity: same collar, next key (state.py)
0x00280  1        attempts: wakes begun since one was last completed
0x00400  ...      duty-cycle ledger (link.py)
0x00C00  2 x 262  settings (config.py)
0x01000  1,024    acknowledged bitmap (log.py)
0x02000  2 x 16   the generation once more, far from the first
0x02100  2 x 522  fences (config.py)
0x02600  2 x 560  state: everything else, rewritten at every wake
0x03000  8,192    the receiver's navigation data (navigation.py)
0x10000  196,608  record log (log.py): 8,192 slots of 24 bytes
"""

ADDRESS_IDENTITY = 0x00000
ADDRESS_COUNTER = 0x00080
ADDRESS_GENERATION = 0x000C0
ADDRESS_NEXT_IDENTITY = 0x00100
ADDRESS_STATE = 0x02600
ADDRESS_ATTEMPTS = 0x00280
ADDRESS_SETTINGS = 0x00C00
ADDRESS_LEDGER = 0x00400
ADDRESS_BITMAP = 0x01000
ADDRESS_GENERATION_AGAIN = 0x02000
ADDRESS_FENCES = 0x02100
ADDRESS_NAVIGATION = 0x03000
ADDRESS_LOG = 0x10000

NAVIGATION_BYTES = 8192

SLOTS = 8192
SLOT_BYTES = 24
