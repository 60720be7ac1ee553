import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.PrintWriter;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Change events of Debezium's embedded engine, one a line: {"key": …, "value": …}. Arguments: port, user, password, file, schemas. */
public class MakeSamples {
  public static void main(String[] args) throws Exception {
    Properties p = new Properties();
    p.setProperty("name", "samples");
    p.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    p.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    p.setProperty("database.hostname", "127.0.0.1");
    p.setProperty("database.port", args[0]);
    p.setProperty("database.user", args[1]);
    p.setProperty("database.password", args[2]);
    p.setProperty("database.dbname", "postgres");
    p.setProperty("topic.prefix", "plant");
    p.setProperty("plugin.name", "pgoutput");
    p.setProperty("slot.name", "samples_" + args[4]);
    p.setProperty("publication.autocreate.mode", "filtered");
    p.setProperty("table.include.list", "public.readings");
    p.setProperty("converter.schemas.enable", args[4]);
    PrintWriter out = new PrintWriter(args[3], "UTF-8");
    AtomicLong last = new AtomicLong(System.currentTimeMillis());
    DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class).using(p).notifying(event -> {
      out.println("{\"key\":" + event.key() + ",\"value\":" + event.value() + "}");
      out.flush();
      last.set(System.currentTimeMillis());
    }).build();
    var pool = Executors.newSingleThreadExecutor();
    pool.execute(engine);
    // The changes are made once the snapshot is out: see make.mjs.
    while (System.currentTimeMillis() - last.get() < Long.parseLong(args[5])) Thread.sleep(200);
    engine.close();
    pool.shutdown();
    pool.awaitTermination(20, TimeUnit.SECONDS);
    System.exit(0);
  }
}
