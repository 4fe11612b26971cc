package oracle;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.WeekFields;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Prints the tables of names and weeks that the crate has, from the JDK that runs it: {@code zones} or {@code weeks}. What
 * is printed stands between the quotes of {@code NAMES} and of {@code WEEKS} in {@code src/layout/}.
 */
public final class Tables {

    /** How wide a line of ids may be. */
    private static final int WIDTH = 98;

    private static final Locale BRITISH = Locale.UK;

    public static void main(String[] args) {
        Map<String, List<String>> table = args[0].equals("weeks") ? weeks() : zones();
        table.forEach((head, members) -> {
            System.out.println(head);
            StringBuilder line = new StringBuilder();
            for (String member : members) {
                if (line.length() + member.length() >= WIDTH) {
                    System.out.println(line);
                    line.setLength(0);
                }
                line.append(' ').append(member);
            }
            System.out.println(line);
        });
    }

    /**
     * Short and long names (standard time, summer time, generic), and the ids that have them. A summer or generic name
     * that equals the one of standard time is left out; a {@code *} goes before names that only American English shortens.
     */
    private static Map<String, List<String>> zones() {
        Map<String, List<String>> table = new TreeMap<>();
        for (String id : new TreeSet<>(ZoneId.getAvailableZoneIds())) {
            ZoneId zone = ZoneId.of(id);
            Instant standard = moment(zone.getRules(), false);
            Instant summer = moment(zone.getRules(), true);
            String[] shorts = names(zone, standard, summer, "z", "v");
            String[] longs = names(zone, standard, summer, "zzzz", "vvvv");
            String offset = DateTimeFormatter.ofPattern("OOOO", Locale.US).format(standard.atZone(zone));
            // Zones without any name are printed by rule.
            if (String.join("", shorts).equals(offset) && String.join("", longs).equals(offset)) {
                continue;
            }
            String british = DateTimeFormatter.ofPattern("z", BRITISH).format(standard.atZone(zone));
            String mark = british.equals(shorts[0]) ? "" : "*";
            String head = mark + String.join("|", shorts) + "|" + String.join("|", longs);
            table.computeIfAbsent(head, key -> new ArrayList<>()).add(id);
        }
        return table;
    }

    private static String[] names(ZoneId zone, Instant standard, Instant summer, String letters, String generic) {
        DateTimeFormatter formatter = DateTimeFormatter.ofPattern(letters, Locale.US);
        String name = formatter.format(standard.atZone(zone));
        String summerName = summer == null ? name : formatter.format(summer.atZone(zone));
        String genericName = DateTimeFormatter.ofPattern(generic, Locale.US).format(standard.atZone(zone));
        return new String[] {name, summerName.equals(name) ? "" : summerName, genericName.equals(name) ? "" : genericName};
    }

    /** The latest time of standard or of summer time that the rules know, up to 2037; null where there is none. */
    private static Instant moment(ZoneRules rules, boolean isSummer) {
        Instant at = Instant.parse("2037-12-31T00:00:00Z");
        while (rules.isDaylightSavings(at) != isSummer) {
            ZoneOffsetTransition before = rules.previousTransition(at);
            if (before == null) {
                return null;
            }
            at = before.getInstant().minusSeconds(1);
        }
        return at;
    }

    /** First day of the week and the fewest days of a year's first week, and the regions that count so. */
    private static Map<String, List<String>> weeks() {
        Map<String, List<String>> table = new TreeMap<>();
        List<String> regions = new ArrayList<>();
        for (char first = 'A'; first <= 'Z'; first++) {
            for (char second = 'A'; second <= 'Z'; second++) {
                regions.add("" + first + second);
            }
        }
        for (int number = 0; number < 1000; number++) {
            regions.add(String.format(Locale.ROOT, "%03d", number));
        }
        for (String region : regions) {
            WeekFields weeks = WeekFields.of(Locale.forLanguageTag("en-" + region));
            // All others.
            if (weeks.getFirstDayOfWeek() == DayOfWeek.MONDAY && weeks.getMinimalDaysInFirstWeek() == 1) {
                continue;
            }
            String day = weeks.getFirstDayOfWeek().toString().substring(0, 3).toLowerCase(Locale.ROOT);
            String head = day + "|" + weeks.getMinimalDaysInFirstWeek();
            table.computeIfAbsent(head, key -> new ArrayList<>()).add(region);
        }
        return table;
    }

    private Tables() {}
}
