// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import StrictJSON
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (68_169_600_000, "1972-02-29T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (1_732_152_766_123, "2024-11-21T01:32:46.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-62_135_596_800_001, "0000-12-31T23:59:59.999Z"),
    ])
    func `a moment is written in RFC 3339`(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test func `two thousand moments are written as Foundation writes them`() {
        var random = SeededGenerator(seed: 1)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: false)
        for _ in 0..<2000 {
            let seconds = Int64.random(in: 0...253_402_300_799, using: &random)
            let expected = Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(style).dropLast() + ".000Z"
            #expect(Timestamp(milliseconds: seconds * 1000).description == expected)
        }
    }

    @Test func `a sum stays between 1970 and 9999`() {
        let first = Timestamp(milliseconds: 0)
        let last = Timestamp(milliseconds: Timestamp.validRange.upperBound)
        #expect(first - .milliseconds(1) == first)
        #expect(last + .milliseconds(1) == last)
        #expect(last - .milliseconds(1) == Timestamp(milliseconds: last.milliseconds - 1))
        #expect(first + .milliseconds(1) == Timestamp(milliseconds: 1))
        #expect(last + .seconds(Int64.max) == last)
        #expect(first + .seconds(Int64.min) == first)
        #expect(Timestamp(milliseconds: .max) + .seconds(1) == last)
        #expect(Timestamp(milliseconds: .min) + .seconds(-1) == first)
    }

    @Test func `a difference counts milliseconds and a comparison is of moments`() {
        let (early, late) = (Timestamp(milliseconds: 1000), Timestamp(milliseconds: 2500))
        #expect(late - early == .milliseconds(1500))
        #expect(early - late == .milliseconds(-1500))
        #expect(early < late && !(late < early) && !(early < early))
    }

    @Test func `milliseconds of a duration are cut towards zero and stop at the largest number`() {
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
        #expect(Duration.microseconds(-1999).wholeMilliseconds == -1)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
        #expect(Duration.milliseconds(1999).wholeSeconds == 1)
    }

    @Test func `a day of every year from 1 to 9999 has its date`() {
        // 1 January of year y is 365 (y-1) + leap days after 1 January of year 1, which is day -719162.
        for year in Int64(1)...9999 {
            let before = year - 1
            let date = CivilDate(daysSince1970: -719_162 + 365 * before + before / 4 - before / 100 + before / 400)
            #expect(date.year == year && date.month == 1 && date.day == 1)
        }
    }

    // MARK: Lengths of time

    @Test(arguments: [
        ("1s", 1), ("45s", 45), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("1d2h3m4s", 93_784), ("0s", 0),
        ("90m", 5400), ("366d", 31_622_400), ("31622400s", 31_622_400), ("007m", 420), ("1d4s", 86_404),
    ] as [(String, Int64)])
    func `a length of time with units is read`(text: String, seconds: Int64) throws {
        #expect(try DurationText.parse(text) == .seconds(seconds))
    }

    @Test(arguments: [
        "", " ", "5", "5x", "+5m", "-5m", "5 m", " 5m", "5m ", "5M", "5m\n", "m", "5mm", "30m1h", "1m1m", "1h30", "1.5h",
        "1,5h", "5e3s", "0x10s", "1h-5m", "1h+5m", "٥m", "５m", "5ｍ", "m5", "5m\0", "367d", "31622401s", "366d1s", "1000000000s",
        "9999999999s", "99999999999999999999s", "18446744073709551616s", "999999999d999999999h", "5ms", "5min", "1w", "inf",
        "nan", "1h 30m", "h1", "--5m", "0000000000001s", "1s1s1s1s1s1s1s1s1s1s1s1s1s",
    ])
    func `anything else is no length of time`(text: String) {
        #expect(throws: Refusal.durationMalformed(text)) { try DurationText.parse(text) }
    }

    @Test func `a length of time of 24 characters is read and of 25 is not`() throws {
        #expect(try DurationText.parse("00001d00002h00003m00004s") == .seconds(93_784))
        #expect(throws: Refusal.self) { try DurationText.parse("000001d00002h00003m00004s") }
    }

    @Test(arguments: [
        (0, "0s"), (-1, "0s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (3600, "1h"), (5400, "1h30m"), (86_400, "1d"),
        (93_784, "1d2h3m4s"),
    ] as [(Int64, String)])
    func `a length of time is written as short as it can be`(seconds: Int64, text: String) {
        #expect(DurationText.format(.seconds(seconds)) == text)
    }

    @Test func `what is written is read back`() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let length = Duration.seconds(Int64.random(in: 0...31_622_400, using: &random))
            #expect(try DurationText.parse(DurationText.format(length)) == length)
        }
    }
}
