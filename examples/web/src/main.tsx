import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/screens.css";
import "./styles/staff.css";
import { applyTheme } from "./ui/theme";

applyTheme();
const container = document.getElementById("root");
if (container === null) throw new Error("index.html has no #root");
createRoot(container).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
