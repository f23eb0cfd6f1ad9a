package shop;

import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.loadbalancer.LoadBalancerClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** A service as a Spring team writes it: it registers itself, and finds others by name. */
@SpringBootApplication
@RestController
public class Service {
  private final DiscoveryClient discovery;
  private final LoadBalancerClient balancer;
  private final String name;

  Service(
      DiscoveryClient discovery,
      LoadBalancerClient balancer,
      @Value("${spring.application.name}") String name) {
    this.discovery = discovery;
    this.balancer = balancer;
    this.name = name;
  }

  public static void main(String[] arguments) {
    SpringApplication.run(Service.class, arguments);
  }

  @GetMapping("/hello")
  String hello() {
    return "hello from " + name;
  }

  @GetMapping("/instances/{service}")
  List<String> instances(@PathVariable String service) {
    return discovery.getInstances(service).stream().map(one -> one.getUri().toString()).toList();
  }

  @GetMapping("/call/{service}")
  String call(@PathVariable String service) {
    var chosen = balancer.choose(service);
    if (chosen == null) return "nobody";
    return RestClient.create(chosen.getUri().toString()).get().uri("/hello").retrieve().body(String.class);
  }
}
