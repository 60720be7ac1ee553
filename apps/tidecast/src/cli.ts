import { main } from './main.js';

// The program of the container image, which is built and has nothing to prepare.
await main(process.argv.slice(2));
