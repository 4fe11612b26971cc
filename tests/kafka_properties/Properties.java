// Prints every producer property of the Kafka on the class path: name, type, default, what is accepted.
//
//   java -cp "$HOME/.cache/kafka-local/4.3.1/*" tests/kafka_properties/Properties.java
import java.util.TreeSet;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

public class Properties {
    public static void main(String[] arguments) {
        ConfigDef definition = ProducerConfig.configDef();
        for (String name : new TreeSet<>(definition.names())) {
            ConfigDef.ConfigKey key = definition.configKeys().get(name);
            String accepted = key.validator == null ? "" : key.validator.toString();
            System.out.println(String.join("\t", name, key.type.toString(), text(key), accepted).stripTrailing());
        }
    }

    private static String text(ConfigDef.ConfigKey key) {
        if (key.defaultValue == ConfigDef.NO_DEFAULT_VALUE) {
            return "";
        }
        String text = ConfigDef.convertToString(key.defaultValue, key.type);
        return text == null ? "null" : text;
    }
}
