package oracle;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** What Java's regular expressions do: reads groups of pairs and inputs, writes one row for each combination. */
public final class Regex {
    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

    public static void main(String[] args) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        JsonArray groups =
                JsonParser.parseReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).getAsJsonArray();
        for (JsonElement group : groups) {
            JsonArray inputs = group.getAsJsonObject().getAsJsonArray("inputs");
            for (JsonElement pair : group.getAsJsonObject().getAsJsonArray("pairs")) {
                String regex = pair.getAsJsonArray().get(0).getAsString();
                String substitution = pair.getAsJsonArray().get(1).getAsString();
                for (JsonElement input : inputs) {
                    JsonObject row = row(regex, substitution, input.getAsString());
                    // Half a surrogate pair is no text in UTF-8.
                    if (row != null && !hasHalfPair(row)) {
                        out.print(GSON.toJson(row) + "\n");
                    }
                    if (row != null && row.has("at") && row.get("at").getAsString().equals("build")) {
                        break;
                    }
                }
            }
        }
        out.flush();
    }

    private static JsonObject row(String regex, String substitution, String input) {
        JsonObject row = new JsonObject();
        row.addProperty("regex", regex);
        row.addProperty("substitution", substitution);
        Pattern pattern;
        try {
            pattern = Pattern.compile(regex);
        } catch (IllegalArgumentException e) {
            row.addProperty("throws", e instanceof PatternSyntaxException p ? p.getDescription() : e.toString());
            row.addProperty("at", "build");
            return row;
        }
        row.addProperty("input", input);
        try {
            row.addProperty("output", pattern.matcher(input).replaceAll(substitution));
        } catch (RuntimeException e) {
            row.addProperty("throws", e.getClass().getSimpleName() + ": " + e.getMessage());
            row.addProperty("at", "replace");
        }
        return row;
    }

    private static boolean hasHalfPair(JsonObject row) {
        if (!row.has("output")) {
            return false;
        }
        String output = row.get("output").getAsString();
        return !StandardCharsets.UTF_16BE.newEncoder().canEncode(output);
    }
}
