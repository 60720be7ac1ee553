import com.amazon.randomcutforest.RandomCutForest;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The peer of `npm run bench -- detectors`: 30 trees over shingles of 8, each value scored, then learnt, on one thread.
 * Arguments: a file of little-endian doubles. Prints the values per second of processor time of the second pass; the first
 * one warms up.
 */
public class RandomCutForestPeer {
  public static void main(String[] args) throws Exception {
    DoubleBuffer values =
        ByteBuffer.wrap(Files.readAllBytes(Path.of(args[0]))).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer();
    RandomCutForest forest =
        RandomCutForest.builder()
            .dimensions(8)
            .shingleSize(8)
            .internalShinglingEnabled(true)
            .numberOfTrees(30)
            .sampleSize(256)
            .parallelExecutionEnabled(false)
            .randomSeed(140)
            .build();
    pass(forest, values);
    // Of this thread: compiling and collecting garbage on other threads is not held against it.
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long started = threads.getCurrentThreadCpuTime();
    double sum = pass(forest, values);
    double seconds = (threads.getCurrentThreadCpuTime() - started) / 1e9;
    if (!(sum > 0)) throw new IllegalStateException("the forest gave no scores");
    System.out.println(values.limit() / seconds);
  }

  private static double pass(RandomCutForest forest, DoubleBuffer values) {
    float[] point = new float[1];
    double sum = 0;
    for (int i = 0; i < values.limit(); i++) {
      point[0] = (float) values.get(i);
      sum += forest.getAnomalyScore(point);
      forest.update(point);
    }
    return sum;
  }
}
