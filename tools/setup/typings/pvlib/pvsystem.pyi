from pandas import Series

def pvwatts_dc(
    effective_irradiance: Series, temp_cell: Series, pdc0: float, gamma_pdc: float
) -> Series: ...
