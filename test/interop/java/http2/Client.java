import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The JDK's own client over TLS and HTTP/2: `Client URL CA`. */
public class Client {
  public static void main(String[] args) throws Exception {
    URI uri = URI.create(args[0]);
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream file = new FileInputStream(args[1])) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).sslContext(context).build();

    HttpResponse<String> first = client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
    check(first.version() == HttpClient.Version.HTTP_2 && first.statusCode() == 200, first.toString());
    String body = "x".repeat(500_000);
    HttpRequest post = HttpRequest.newBuilder(uri).POST(BodyPublishers.ofString(body)).build();
    check(client.send(post, BodyHandlers.ofString()).body().strip().equals(body), "echo");
    // More at once than the other side takes are an error of this client.
    List<CompletableFuture<HttpResponse<String>>> many = new ArrayList<>();
    for (int at = 0; at < 100; at++) {
      HttpRequest request = HttpRequest.newBuilder(uri).POST(BodyPublishers.ofString("n" + at)).build();
      many.add(client.sendAsync(request, BodyHandlers.ofString()));
    }
    for (int at = 0; at < 100; at++) {
      HttpResponse<String> answer = many.get(at).get();
      check(answer.version() == HttpClient.Version.HTTP_2, "version");
      check(answer.body().strip().equals("n" + at), answer.body());
    }
    System.out.println("passed");
    System.exit(0);
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }
}
