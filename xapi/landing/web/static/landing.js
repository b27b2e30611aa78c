"use strict";
// Pages work without it. It counts down until another PIN may be asked for, sends a form once, and follows a
// visit that went on to another page, and a link that is to be followed after a while.
(function (d) {
  var leaving;

  function each(selector, f) { [].forEach.call(d.querySelectorAll(selector), f); }

  function count(button) {
    var end = Date.now() + button.dataset.wait * 1000, label = button.textContent;
    button.removeAttribute("data-wait");
    (function tick() {
      var left = Math.ceil((end - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.text.replace("#", left) : label;
      if (left > 0) setTimeout(tick, 500);
    })();
  }

  function ready() {
    if (leaving) return;
    each("[data-wait]", count);
    each("[data-go]", function (a) { setTimeout(leave, a.dataset.go * 1000, a.href); });
    each("[aria-busy]", function (f) { f.removeAttribute("aria-busy"); });
  }

  function leave(to) { leaving = 1; location.assign(to); }

  function on(name, f) { d.addEventListener(name, f, true); }

  on("submit", function (e) {
    if (e.target.hasAttribute("aria-busy")) {
      e.preventDefault();
      e.stopImmediatePropagation();
    } else e.target.setAttribute("aria-busy", "true");
  });
  on("htmx:beforeOnLoad", function (e) {
    var to = e.detail.xhr.responseURL;
    if (/\/pin(\/resend)?$/.test(to.split("?")[0])) return;
    e.preventDefault();
    leave(to);
  });
  on("htmx:sendError", function () { leave(location.href); });
  on("htmx:afterRequest", ready);
  addEventListener("pageshow", function () { leaving = 0; ready(); });
})(document);
