import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { App } from './app.js';
import { showTheme, storedTheme } from './theme.js';

showTheme(storedTheme());
const root = document.getElementById('app')!;
// What index.html shows until here makes way.
root.replaceChildren();
render(<App />, root);
