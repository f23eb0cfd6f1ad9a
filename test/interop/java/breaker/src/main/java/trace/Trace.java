package trace;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;

/**
 * Runs traces through a breaker of resilience4j. A line is `kind size minimum openMs probes : atMs outcome, atMs outcome, ...`; outcome is 0 (good), 1 (failed), 2 (slow) or 3 (both). Says a word a call: `-` refused,
 * else the state behind it, C, O or H.
 */
public final class Trace {
  private static final class Moved extends Clock {
    private long nowMs = 0;

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return Instant.ofEpochMilli(nowMs);
    }
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (!line.isBlank()) System.out.println(run(line));
    }
  }

  private static String run(String line) {
    String[] parts = line.split(" : ");
    String[] terms = parts[0].split(" ");
    SlidingWindowType kind = terms[0].equals("count") ? SlidingWindowType.COUNT_BASED : SlidingWindowType.TIME_BASED;
    Moved clock = new Moved();
    CircuitBreakerConfig config = CircuitBreakerConfig.custom()
        .slidingWindowType(kind)
        .slidingWindowSize(Integer.parseInt(terms[1]))
        .minimumNumberOfCalls(Integer.parseInt(terms[2]))
        .failureRateThreshold(50)
        .slowCallRateThreshold(80)
        .slowCallDurationThreshold(Duration.ofMillis(100))
        .waitDurationInOpenState(Duration.ofMillis(Long.parseLong(terms[3])))
        .permittedNumberOfCallsInHalfOpenState(Integer.parseInt(terms[4]))
        .clock(clock)
        .build();
    CircuitBreaker breaker = CircuitBreaker.of("trace", config);
    StringBuilder said = new StringBuilder();
    for (String call : parts[1].split(",")) {
      String[] words = call.trim().split(" ");
      clock.nowMs = Long.parseLong(words[0]);
      said.append(call(breaker, Integer.parseInt(words[1])));
    }
    return said.toString();
  }

  private static char call(CircuitBreaker breaker, int outcome) {
    if (!breaker.tryAcquirePermission()) return '-';
    long durationMs = (outcome & 2) != 0 ? 200 : 1;
    if ((outcome & 1) != 0) breaker.onError(durationMs, TimeUnit.MILLISECONDS, new RuntimeException("failed"));
    else breaker.onSuccess(durationMs, TimeUnit.MILLISECONDS);
    return breaker.getState().name().charAt(0);
  }
}
