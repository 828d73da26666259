// Answers only when the parts of the runtime that apps rely on are there.
const crypto = require("node:crypto");
const dns = require("node:dns");
const fs = require("node:fs");
const http = require("node:http");
const tls = require("node:tls");
const zlib = require("node:zlib");

function facts() {
  if (zlib.gunzipSync(zlib.gzipSync("x")).toString() !== "x") throw new Error("zlib");
  if (crypto.createHash("sha256").update("").digest("hex").length !== 64) throw new Error("crypto");
  const winter = new Date("2024-01-01T12:00:00Z").toLocaleTimeString("en-GB", { timeZone: "Asia/Tokyo" });
  if (winter !== "21:00:00") throw new Error("Intl: " + winter);
  const roots = fs.readFileSync(process.env.SSL_CERT_FILE, "latin1").split("BEGIN CERTIFICATE").length - 1;
  if (roots < 100) throw new Error("certificates: " + roots);
  tls.createSecureContext();
  return `node ${process.versions.node}, V8 ${process.versions.v8}, ${roots} certificates`;
}

const server = http.createServer((request, response) => {
  dns.lookup("localhost", (error, address) => {
    if (error || address !== "127.0.0.1") {
      response.statusCode = 500;
      response.end(`localhost: ${error || address}\n`);
      return;
    }
    response.end(facts() + "\n");
  });
});
server.listen(8080, "0.0.0.0", () => console.log("listening"));
