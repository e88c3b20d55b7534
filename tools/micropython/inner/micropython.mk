SRC_USERMOD_C += $(USERMOD_DIR)/names.c $(USERMOD_DIR)/places.c $(USERMOD_DIR)/free.c
SRC_USERMOD_C += $(USERMOD_DIR)/mark.c $(USERMOD_DIR)/sweep.c
LDFLAGS_USERMOD += -Wl,--wrap=gc_info,--wrap=gc_alloc,--wrap=gc_collect_end,--wrap=gc_collect_root
LDFLAGS_USERMOD += -Wl,--wrap=qstr_find_strn,--wrap=qstr_from_strn,--wrap=qstr_hash,--wrap=qstr_data
LDFLAGS_USERMOD += -Wl,--wrap=mp_map_lookup
