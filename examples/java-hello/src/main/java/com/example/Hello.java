package com.example;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.apache.commons.lang3.StringUtils;

/** A small HTTP server: says hello, and stops when it is told to. */
public final class Hello {
  public static void main(String[] args) throws IOException {
    String greeting = StringUtils.defaultIfBlank(System.getenv("GREETING"), "Hello from Java");
    byte[] body = (greeting + " (" + Runtime.version() + ")\n").getBytes(StandardCharsets.UTF_8);
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(0)));
    server.start();
    System.out.println("listening on :8080");
  }
}
