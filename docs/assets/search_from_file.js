// Browsers run no workers on pages opened from a disk. The search, which is one, then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const url = new URL(address, location.href).href;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.loaded = new Promise((done) => this.frame.addEventListener("load", () => this.run(url).then(done), { once: true }));
      document.body.append(this.frame);
      this.addEventListener("message", (event) => this.onmessage?.(event));
    }

    run(url) {
      const inside = this.frame.contentWindow;
      const load = (address) =>
        new Promise((done) => {
          const script = inside.document.createElement("script");
          script.src = address;
          script.onload = done;
          inside.document.body.append(script);
        });
      inside.importScripts = (...addresses) =>
        addresses.reduce((before, address) => before.then(() => load(new URL(address, url).href)), Promise.resolve());
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      return load(url);
    }

    postMessage(data) {
      this.loaded.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
