// What each member says about each window and about its trial: node members.mjs WINDOWS.json OUT.bin, after a build.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { loadEnv } from '../../dist/libs/config/src/index.js';
import { ForecasterCatalogue } from '../../dist/libs/forecasters/src/index.js';
import { createLogger } from '../../dist/libs/observability/src/index.js';
import { Frequency } from '../../dist/libs/series/src/index.js';

const [input, output] = process.argv.slice(2);
const AT_ONCE = 64;
const NETWORKS = ['ttm/base', 'tsmixer/base', 's-mamba/base', 'time-moe/base'];
const MEMBERS = [
  ...[...NETWORKS, 'seasonal-naive', 'mstl', 'ets'].map((name) => ({ name, points: Infinity })),
  ...NETWORKS.flatMap((name) => [256, 128, 64].map((points) => ({ name, points }))),
];

const windows = JSON.parse(readFileSync(input, 'utf8'));
const catalogue = await ForecasterCatalogue.load({
  env: loadEnv(process.env),
  logger: createLogger('members', 'warn'),
});
const file = openSync(output, 'w');
const index = [];
let written = 0;

/** The window as it was `back` points before its end, or less of it. */
function cutBack({ series, cut, freq: text, season, context }, back, points) {
  const freq = Frequency.parse(text);
  const target = Float64Array.from(context.slice(0, context.length - back), (value) => value ?? NaN).slice(-points);
  const cutoff = freq.addTo(Date.UTC(2020, 0, 1), cut - 1 - back);
  return { itemId: `${series} ${cut}`, channel: 'value', freq, timeZone: 'UTC', season, cutoff, target };
}

for (const { name, points } of MEMBERS) {
  for (const trial of [false, true]) {
    const asked = windows.flatMap((window, i) => {
      const steps = trial ? Math.min(96, Math.max(12, window.horizon)) : window.horizon;
      const cut = cutBack(window, trial ? steps : 0, points);
      const observed = cut.target.filter((value) => !Number.isNaN(value)).length;
      const tooShort = points < Infinity && window.context.length <= points;
      const noSeason = name === 'mstl' && window.season <= 1;
      return observed < 20 || tooShort || noSeason ? [] : [{ i, cut, steps }];
    });
    for (const steps of new Set(asked.map((one) => one.steps))) {
      const alike = asked.filter((one) => one.steps === steps);
      for (let start = 0; start < alike.length; start += AT_ONCE) {
        const part = alike.slice(start, start + AT_ONCE);
        const forecasts = await catalogue.resolve(name).forecast(
          part.map(({ cut }) => cut),
          steps,
        );
        forecasts.forEach(({ model, quantiles }, j) => {
          if (model !== name) return;
          const member = points < Infinity ? `${name}:last-${points}` : name;
          index.push({ i: part[j].i, member, trial, steps, at: written });
          writeSync(file, new Uint8Array(Float32Array.from(quantiles).buffer));
          written += quantiles.length;
        });
      }
    }
  }
}
closeSync(file);
writeFileSync(`${output}.json`, JSON.stringify(index));
await catalogue.close();
