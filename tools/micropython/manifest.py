# Frozen into the interpreter: asyncio only; everything else comes from files, as on the chip.
include("$(MPY_DIR)/extmod/asyncio")
