// Chooses light or dark before anything is drawn. theme.js has the switch.

{
  const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = localStorage.getItem("energy-assets-theme") ?? system;
}
