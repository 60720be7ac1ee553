import { render } from 'preact';

render(<p>Tidecast</p>, document.getElementById('app')!);
