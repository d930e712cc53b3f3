// An Express application whose handler at /admin is not for everybody. Prints its port.
import express from "express";

const app = express();
app.use("/admin", (_, response) => response.type("text/plain").send("PROTECTED"));
app.use((_, response) => response.type("text/plain").send("public"));
const server = app.listen(Number(process.argv[2]), "127.0.0.1");
server.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
