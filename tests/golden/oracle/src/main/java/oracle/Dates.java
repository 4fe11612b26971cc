package oracle;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeSet;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.DefaultConfiguration;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.apache.logging.log4j.core.time.MutableInstant;

/**
 * Prints what dates look like in every zone ({@code zones}) or locale ({@code locales}) that the JDK has: one row for all
 * of them that look alike. The row format is in the README of the golden files.
 */
public final class Dates {

    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

    private static final Configuration CONFIGURATION = new DefaultConfiguration();

    /** Winter and summer. */
    private static final List<String> SEASONS = List.of(
            "2012-01-15T12:00:00Z",
            "2012-07-15T12:00:00Z",
            "2023-01-15T12:00:00Z",
            "2023-07-15T12:00:00Z",
            "2024-01-15T12:00:00Z",
            "2024-07-15T12:00:00Z");

    /** Ids that the old look-up reads beside those that it lists, and some that it does not. */
    private static final List<String> OTHER_ZONES = List.of(
            "GMT+0", "GMT-0", "GMT+00:00", "GMT+2", "GMT+02", "GMT+02:00", "GMT+0200", "GMT-03:30", "GMT-330", "GMT+00:30",
            "GMT+18", "GMT-18:00", "GMT+18:01", "GMT+23:59", "GMT+24", "GMT+1:2", "GMT+12345", "GMT2", "gmt+2", "UT", "UTC+2",
            "Z", "utc", "+02:00", "Nope/Zone", "europe/berlin", "pst", "");

    private static final List<String> WEEKS = List.of(
            "2015-12-31T12:00:00Z", "2016-01-01T12:00:00Z", "2016-01-03T12:00:00Z", "2016-12-31T12:00:00Z",
            "2017-01-01T12:00:00Z", "2018-12-30T12:00:00Z", "2018-12-31T12:00:00Z", "2019-01-05T12:00:00Z",
            "2020-02-29T12:00:00Z", "2020-12-27T12:00:00Z", "2021-01-02T12:00:00Z", "2021-01-03T12:00:00Z",
            "2021-01-04T12:00:00Z", "2022-01-01T12:00:00Z", "2023-10-01T12:00:00Z", "2024-12-29T12:00:00Z",
            "2024-12-30T12:00:00Z", "1969-12-31T12:00:00Z", "0001-01-01T12:00:00Z", "-0043-03-15T12:00:00Z",
            "+12345-01-01T12:00:00Z");

    private static final String WORDS = "%d{MMM|MMMM|MMMMM|LLL|LLLL|LLLLL|E|EEEE|EEEEE|ccc|cccc|ccccc|eee|eeee|eeeee|a|G|GGGG|"
            + "GGGGG|B|BBBB|BBBBB|QQQ|QQQQ|QQQQQ|qqq|qqqq|qqqqq}{UTC}{LOCALE}";

    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] args) {
        Dates dates = new Dates();
        if (args[0].equals("zones")) {
            List<String> zones = new ArrayList<>(new TreeSet<>(Arrays.asList(TimeZone.getAvailableIDs())));
            zones.addAll(OTHER_ZONES);
            dates.rows("%d{yyyy-MM-dd HH:mm xxx|z|zzzz|v|vvvv|O|OOOO|XXX}{ZONE}", "ZONE", zones, SEASONS);
            dates.rows("%d{z|v}{ZONE}{en-GB}", "ZONE", zones, SEASONS.subList(4, 6));
            // Those that are called by another id.
            for (String zone : zones) {
                String[] id = dates.output("%d{VV}{" + zone + "}", SEASONS.subList(5, 6));
                if (!id[0].equals(zone)) {
                    dates.rows("%d{VV}{ZONE}", "ZONE", List.of(zone), SEASONS.subList(5, 6));
                }
            }
        } else {
            List<String> regions = new ArrayList<>(List.of("001", "003", "150", "419"));
            for (char first = 'A'; first <= 'Z'; first++) {
                for (char second = 'A'; second <= 'Z'; second++) {
                    regions.add("" + first + second);
                }
            }
            List<String> locales = new ArrayList<>(List.of(
                    "de", "en", "fr", "und", "zz", "x-foo", "en-US-u-fw-mon", "de-DE-u-fw-sun", "de-DE-u-rg-uszzzz",
                    "th-TH-u-ca-buddhist", "de-DE-1996", "zh-Hans-CN", "en_GB", "nope nope", "de-DE-", "EN-gb"));
            regions.forEach(region -> locales.add("de-" + region));
            dates.rows("%d{yyyy YYYY YY YYY|w|ww|W|e|ee|c}{UTC}{LOCALE}", "LOCALE", locales, WEEKS);
            locales.clear();
            regions.forEach(region -> locales.add("en-" + region));
            dates.rows(WORDS, "LOCALE", locales, words());
        }
        dates.out.flush();
    }

    /** Every month, weekday and hour, and the minutes around midnight and noon. */
    private static List<String> words() {
        List<String> instants = new ArrayList<>();
        for (int month = 1; month <= 12; month++) {
            for (int half = 0; half < 2; half++) {
                instants.add(String.format("2024-%02d-%02dT%02d:00:00Z", month, month * 2 + half, month - 1 + 12 * half));
            }
        }
        instants.addAll(List.of("2024-01-01T00:00:59Z", "2024-01-01T00:01:00Z", "2024-01-01T12:00:59Z", "2024-01-01T12:01:00Z"));
        instants.add("-0043-03-15T05:59:59Z");
        return instants;
    }

    /** One row for each output. */
    private void rows(String pattern, String placeholder, List<String> members, List<String> instants) {
        Map<List<String>, List<String>> byOutput = new LinkedHashMap<>();
        for (String member : members) {
            List<String> output = List.of(output(pattern.replace(placeholder, member), instants));
            byOutput.computeIfAbsent(output, key -> new ArrayList<>()).add(member);
        }
        byOutput.forEach((output, alike) -> {
            JsonObject row = new JsonObject();
            row.addProperty("pattern", pattern);
            row.add(placeholder, GSON.toJsonTree(alike));
            row.add("instants", GSON.toJsonTree(instants));
            row.add("output", GSON.toJsonTree(output));
            out.print(GSON.toJson(row) + "\n");
        });
    }

    private String[] output(String pattern, List<String> instants) {
        PatternLayout layout = PatternLayout.newBuilder().setConfiguration(CONFIGURATION).setPattern(pattern).build();
        return instants.stream().map(text -> layout.toSerializable(event(text))).toArray(String[]::new);
    }

    private static Log4jLogEvent event(String text) {
        Instant instant = Instant.parse(text);
        MutableInstant time = new MutableInstant();
        time.initFromEpochSecond(instant.getEpochSecond(), instant.getNano());
        return Log4jLogEvent.newBuilder().setInstant(time).build();
    }

    private Dates() {}
}
