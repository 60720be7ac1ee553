// npm start [-- --demo] · npm run start:ingest|forecaster|gateway: see --help.
import { orExplain, prepare, ROOT } from './prepare.mjs';

await orExplain(prepare);
// Relative folders in the configuration are the repository's, wherever the command was given.
process.chdir(ROOT);
const { main } = await import('../dist/apps/tidecast/src/main.js');
await main(process.argv.slice(2));
