import com.sun.net.httpserver.HttpServer;
import java.awt.image.BufferedImage;
import java.beans.Introspector;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.format.TextStyle;
import java.util.Locale;
import javax.crypto.KeyGenerator;
import javax.xml.parsers.DocumentBuilderFactory;

/** Answers only when the parts of the runtime that apps rely on are there. */
public final class Check {
  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("0.0.0.0", 8080), 0);
    server.createContext("/", exchange -> {
      byte[] body;
      int status = 200;
      try {
        body = facts().getBytes(StandardCharsets.UTF_8);
      } catch (Exception | LinkageError problem) {
        problem.printStackTrace();
        status = 500;
        body = (problem + "\n").getBytes(StandardCharsets.UTF_8);
      }
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
    System.out.println("listening");
  }

  private static void want(boolean condition, String what) {
    if (!condition) throw new IllegalStateException(what);
  }

  private static String facts() throws Exception {
    want(InetAddress.getByName("localhost").isLoopbackAddress(), "localhost");
    want(KeyGenerator.getInstance("AES").generateKey().getEncoded().length >= 16, "crypto");
    want(DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument() != null, "xml");
    want(Introspector.getBeanInfo(Check.class) != null, "beans");
    want(new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB).createGraphics() != null, "images");
    want(ZoneId.of("Asia/Tokyo").getRules() != null, "time zones");
    String month = LocalDate.of(2024, 3, 1).getMonth().getDisplayName(TextStyle.FULL, Locale.GERMAN);
    want(month.equals("M\u00e4rz"), "locales: " + month);
    return "java " + System.getProperty("java.version") + ", " + System.getProperty("java.vm.name") + "\n";
  }
}
