// npm start [-- --demo] · npm run start:ingest|forecaster|gateway: see --help.
import { orExplain, prepare } from './prepare.mjs';

await orExplain(prepare);
const { main } = await import('../dist/apps/tidecast/src/main.js');
await main(process.argv.slice(2));
