// islet: the circuit board's analogue inputs: from the house to the voltage at the converter's pin.
// GPL-3.0-or-later
//
// Computed from the parts that the circuit board's JSON names (CT ratio and burden, resistors), by
// the laws of Ohm and Kirchhoff; what tools/pack makes of the same parts is not used here.

const SUPPLY_VOLTS = 3.3; // clamping diodes: no pin sees less than 0 or more than this
const CODES = 4096;
const LEG_NAMES = ['l1', 'l2', 'l3'];
/** Prefix of a quantity's sensors in a scenario (`house.sensors.gain_permille.evse_l1`). */
const SENSOR_NAMES = { evse_ct: 'evse', main_ct: 'main', grid_v: 'grid', house_v: 'house' };

/** Errors of one sensor as a scenario gives them: gain as a factor, its lead as an angle. */
export function sensorErrors(sensors, quantity, leg) {
  const name = `${SENSOR_NAMES[quantity]}_${LEG_NAMES[leg]}`;
  return {
    gain: 1 + (sensors.gain_permille?.[name] ?? 0) / 1000,
    leadRad: ((sensors.phase_deg?.[name] ?? 0) * Math.PI) / 180,
    offsetCodes: sensors.offset_codes?.[name] ?? 0,
  };
}

/** Volts over a CT's burden for each ampere of the primary. */
export function burdenVoltsPerAmp(ct) {
  return (ct.secondary_ma / 1000 / ct.primary_a) * ct.burden_ohm;
}

/** The pilot's divider: a series resistor to a node between two resistors, to supply and ground. */
function pilotVolts({ series_ohm: series, up_ohm: up, down_ohm: down, supply_mv: supply }, volts) {
  const into = volts / series + supply / 1000 / up;
  return into / (1 / series + 1 / up + 1 / down);
}

/** The proximity contact's resistance to ground below its pull-up. */
function proximityVolts({ pull_up_ohm: pullUp, supply_mv: supply }, ohm) {
  return (supply / 1000) * (Number.isFinite(ohm) ? ohm / (ohm + pullUp) : 1);
}

/**
 * What is at each input of the converter.
 *
 * @param {object} board the circuit board's JSON
 * @param {object} sensors the scenario's house.sensors: errors of the instruments
 * @param {Waves} waves what the house does
 * @param {PilotDriver} pilot what the pilot's driver makes of the PWM pin
 * @returns {Map<number, (nanos: number) => number>} volts at the pin, by the converter's input
 */
export function frontEnd(board, sensors, waves, pilot) {
  const inputs = new Map();
  for (const row of board.channels) {
    inputs.set(row.adc, input(row, sensors, waves, pilot));
  }
  return inputs;
}

function input(row, sensors, waves, pilot) {
  const volts = source(row, sensors, waves, pilot);
  return (nanos) => Math.min(Math.max(volts(nanos), 0), SUPPLY_VOLTS);
}

function source(row, sensors, waves, pilot) {
  const offset = (name) => ((sensors.offset_codes?.[name] ?? 0) / CODES) * SUPPLY_VOLTS;
  switch (row.signal) {
    case 'pilot': {
      const zero = offset('cp');
      return (nanos) =>
        zero + pilotVolts(row.divider, pilot.volts(nanos, waves.at(nanos).wave));
    }
    case 'proximity': {
      const zero = offset('pp');
      return (nanos) => zero + proximityVolts(row, waves.at(nanos).wave.ppOhm);
    }
    case 'evse_ct':
    case 'main_ct': {
      const leg = row.leg - 1;
      const { gain, leadRad, offsetCodes } = sensorErrors(sensors, row.signal, leg);
      const scale = gain * burdenVoltsPerAmp(row.ct);
      const middle = SUPPLY_VOLTS / 2 + (offsetCodes / CODES) * SUPPLY_VOLTS;
      return (nanos) =>
        middle + scale * waves.at(nanos).instant(row.signal, leg, nanos, leadRad);
    }
    default:
      throw new Error(`channels: signal ${row.signal}, allowed pilot, proximity, evse_ct, main_ct`);
  }
}
