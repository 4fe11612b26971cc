package oracle;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.Marker;
import org.apache.logging.log4j.MarkerManager;
import org.apache.logging.log4j.ThreadContext;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.DefaultConfiguration;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.apache.logging.log4j.core.time.MutableInstant;
import org.apache.logging.log4j.message.Message;
import org.apache.logging.log4j.message.SimpleMessage;
import org.apache.logging.log4j.message.StringMapMessage;
import org.apache.logging.log4j.spi.MutableThreadContextStack;
import org.apache.logging.log4j.status.StatusData;
import org.apache.logging.log4j.status.StatusListener;
import org.apache.logging.log4j.status.StatusLogger;
import org.apache.logging.log4j.util.SortedArrayStringMap;

/**
 * Reads rows (one JSON object per line) on stdin, renders each row's pattern with a fresh {@link PatternLayout}, and
 * writes the same rows to stdout with what Log4j printed, reported and threw. The row format is in the README of the golden files.
 */
public final class Oracle {

    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

    /** Plugins are looked up once; a layout is still built anew for each row. */
    private static final Configuration CONFIGURATION = new DefaultConfiguration();

    private static final TimeZone ZONE = TimeZone.getTimeZone("UTC");

    private static final Locale LOCALE = Locale.US;

    public static void main(String[] args) throws IOException {
        PrintStream realOut = System.out;
        StatusCollector status = new StatusCollector();
        StatusLogger.getLogger().registerListener(status);
        long started = System.nanoTime();
        int rows = 0;
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
                BufferedWriter out = new BufferedWriter(new OutputStreamWriter(realOut, StandardCharsets.UTF_8))) {
            for (String line; (line = in.readLine()) != null; ) {
                if (line.isBlank()) {
                    continue;
                }
                out.write(GSON.toJson(render(JsonParser.parseString(line).getAsJsonObject(), status)));
                out.write('\n');
                rows++;
            }
        }
        System.err.printf(
                Locale.ROOT,
                "%d rows, log4j-core %s, java %s, %.2f s%n",
                rows,
                PatternLayout.class.getPackage().getImplementationVersion(),
                System.getProperty("java.version"),
                (System.nanoTime() - started) / 1e9);
    }

    private static JsonObject render(JsonObject row, StatusCollector status) {
        for (String produced : List.of("output", "status", "throws", "throws_at", "lone_surrogate")) {
            row.remove(produced);
        }
        TimeZone.setDefault(row.has("zone") ? TimeZone.getTimeZone(text(row, "zone")) : ZONE);
        Locale.setDefault(row.has("locale") ? Locale.forLanguageTag(text(row, "locale")) : LOCALE);
        JsonArray messages = new JsonArray();
        String phase = "event";
        try {
            JsonObject model = row.getAsJsonObject("event");
            LogEvent event = event(model);
            phase = "build";
            status.into = messages;
            PatternLayout layout = PatternLayout.newBuilder()
                    .setConfiguration(CONFIGURATION)
                    .setPattern(text(row, "pattern"))
                    .setCharset(StandardCharsets.UTF_8)
                    .setAlwaysWriteExceptions(false)
                    .setDisableAnsi(false)
                    .setNoConsoleNoAnsi(false)
                    .build();
            status.into = null;
            phase = "render";
            String output = layout.toSerializable(event);
            String bytes = new String(layout.toByteArray(event), StandardCharsets.UTF_8);
            row.addProperty("output", bytes);
            if (!bytes.equals(output)) {
                row.addProperty("lone_surrogate", true);
            }
        } catch (Throwable t) {
            row.addProperty("throws", describe(t));
            row.addProperty("throws_at", phase);
        } finally {
            status.into = null;
        }
        row.add("status", messages);
        return row;
    }

    private static String describe(Throwable t) {
        StringBuilder text = new StringBuilder(t.toString());
        for (Throwable cause = t.getCause(); cause != null; cause = cause.getCause()) {
            text.append(" <- ").append(cause);
        }
        return text.toString();
    }

    private static LogEvent event(JsonObject model) {
        Instant instant = Instant.parse(text(model, "instant"));
        MutableInstant time = new MutableInstant();
        time.initFromEpochSecond(instant.getEpochSecond(), instant.getNano());

        SortedArrayStringMap context = new SortedArrayStringMap();
        if (model.has("mdc")) {
            for (Map.Entry<String, JsonElement> entry : model.getAsJsonObject("mdc").entrySet()) {
                context.putValue(entry.getKey(), entry.getValue().getAsString());
            }
        }
        ThreadContext.ContextStack stack = ThreadContext.EMPTY_STACK;
        if (model.has("ndc") && !model.getAsJsonArray("ndc").isEmpty()) {
            List<String> entries = new ArrayList<>();
            model.getAsJsonArray("ndc").forEach(entry -> entries.add(entry.getAsString()));
            stack = new MutableThreadContextStack(entries);
        }

        Message message = new SimpleMessage(text(model, "message"));
        if (model.has("map")) {
            StringMapMessage map = new StringMapMessage();
            for (Map.Entry<String, JsonElement> entry : model.getAsJsonObject("map").entrySet()) {
                map.with(entry.getKey(), entry.getValue().getAsString());
            }
            message = map;
        }

        Log4jLogEvent.Builder builder = Log4jLogEvent.newBuilder()
                .setLoggerName(text(model, "logger"))
                .setLoggerFqcn("oracle.Fqcn")
                .setLevel(Level.valueOf(text(model, "level")))
                .setMessage(message)
                .setThreadName(text(model, "thread"))
                .setThreadId(model.has("thread_id") ? model.get("thread_id").getAsLong() : 1)
                .setThreadPriority(model.has("thread_priority") ? model.get("thread_priority").getAsInt() : 5)
                .setInstant(time)
                .setNanoTime(0)
                .setContextData(context)
                .setContextStack(stack)
                .setMarker(marker(model))
                .setIncludeLocation(false);
        if (model.has("location")) {
            JsonObject location = model.getAsJsonObject("location");
            builder.setSource(new StackTraceElement(
                    text(location, "class"),
                    text(location, "method"),
                    text(location, "file"),
                    location.has("line") ? location.get("line").getAsInt() : -1));
        }
        LogEvent event = builder.build();
        // The builder takes 1970-01-01T00:00:00Z for "not set" and puts the present time there: set the instant again.
        ((MutableInstant) event.getInstant()).initFromEpochSecond(instant.getEpochSecond(), instant.getNano());
        return event;
    }

    private static Marker marker(JsonObject model) {
        if (!model.has("marker")) {
            return null;
        }
        MarkerManager.clear();
        Marker marker = MarkerManager.getMarker(text(model, "marker"));
        if (model.has("marker_parents")) {
            for (JsonElement parent : model.getAsJsonArray("marker_parents")) {
                marker.addParents(MarkerManager.getMarker(parent.getAsString()));
            }
        }
        return marker;
    }

    private static String text(JsonObject object, String name) {
        JsonElement value = object.get(name);
        return value == null || value.isJsonNull() ? null : value.getAsString();
    }

    /** Keeps WARN and above while a layout is being built. */
    private static final class StatusCollector implements StatusListener {

        private JsonArray into;

        @Override
        public void log(StatusData data) {
            if (into == null) {
                return;
            }
            JsonObject message = new JsonObject();
            message.addProperty("level", data.getLevel().name());
            message.addProperty("text", data.getMessage().getFormattedMessage());
            if (data.getThrowable() != null) {
                message.addProperty("cause", rootCause(data.getThrowable()));
            }
            into.add(message);
        }

        private static String rootCause(Throwable t) {
            while (t.getCause() != null) {
                t = t.getCause();
            }
            return t.toString();
        }

        @Override
        public Level getStatusLevel() {
            return Level.WARN;
        }

        @Override
        public void close() {}
    }

    private Oracle() {}
}
