// Sets the chosen colours before anything is drawn. A plain script, since modules come too late.
(function () {
  "use strict";
  try {
    var chosen = localStorage.getItem("safehold-theme");
    if (chosen === "light" || chosen === "dark") {
      document.documentElement.dataset.theme = chosen;
    }
  } catch (error) {
    // Without storage the system's colours stay.
  }
})();
