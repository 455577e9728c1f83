import { render } from "preact";
import { App } from "./app.tsx";
import { arrive } from "./service.ts";

render(<App />, document.getElementById("app")!);
void arrive();
