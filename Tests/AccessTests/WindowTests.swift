// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Testing

@Suite struct WindowTests {
    private func time(_ text: String) throws -> Timestamp {
        let date = try Date(text, strategy: .iso8601)
        return Timestamp(milliseconds: Int64(date.timeIntervalSince1970) * 1000)
    }

    private func windows(_ zone: String, _ hours: String...) throws -> Windows {
        try Windows(zone: zone, hours: try hours.map { try Windows.Hours($0) })
    }

    @Test(arguments: [
        "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Santiago", "America/St_Johns",
        "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Chatham", "Asia/Beirut",
        "Africa/Cairo", "America/Nuuk", "UTC", "Asia/Jerusalem",
    ])
    func `a zone shows the hour that the system's database says, through five years`(name: String) throws {
        let rule = try #require(TimeZoneRule(zone: name))
        let zone = try #require(TimeZone(identifier: name))
        let start: Int64 = 1_767_225_600  // 2026-01-01
        for step in Int64(0)..<(5 * 366 * 8) {
            let seconds = start + step * 10_800 - 1
            let expected = Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds))))
            #expect(rule.offset(at: Timestamp(milliseconds: seconds * 1000)) == .seconds(expected), "\(name) at \(seconds)")
        }
    }

    @Test(arguments: ["", "Berlin", "europe/berlin", "Europe/Berlin ", "CET-1CEST", "Africa/Casablanca", "Asia/Gaza", "+01:00", "../etc/passwd"])
    func `a zone without a name or a rule is refused`(name: String) {
        #expect(throws: Refusal.zoneUnknown(name)) { try Windows(zone: name, hours: []) }
    }

    @Test(arguments: [
        "", "mon", "08:00-18:00", "mon 8:00-18:00", "mon 08:00", "mon 08:00-24:01", "mon 24:00-08:00", "mon 08:60-09:00",
        "Mon 08:00-18:00", "mon-fri-sat 08:00-18:00", "mon,, 08:00-18:00", "mon-foo 08:00-09:00", "mon 08:00-18:00 x",
        "mon 08:00-12:00-18:00",
    ])
    func `hours that are not of a week are refused`(text: String) {
        #expect(throws: Refusal.windowMalformed(text)) { try Windows.Hours(text) }
    }

    @Test func `a window is open at its first moment and closed at its last`() throws {
        let office = try windows("Europe/Berlin", "mon-fri 08:00-18:00")
        #expect(office.end(at: try time("2026-11-23T06:59:59Z")) == nil)
        #expect(office.end(at: try time("2026-11-23T07:00:00Z")) == (try time("2026-11-23T17:00:00Z")))
        #expect(office.end(at: try time("2026-11-23T16:59:59Z")) == (try time("2026-11-23T17:00:00Z")))
        #expect(office.end(at: try time("2026-11-23T17:00:00Z")) == nil)
        #expect(office.end(at: try time("2026-11-22T12:00:00Z")) == nil)
        #expect(office.opening(after: try time("2026-11-20T20:00:00Z")) == (try time("2026-11-23T07:00:00Z")))
    }

    @Test func `a night belongs to the day on which it begins`() throws {
        let night = try windows("UTC", "fri 22:00-06:00")
        #expect(night.end(at: try time("2026-11-21T05:59:59Z")) == (try time("2026-11-21T06:00:00Z")))
        #expect(night.end(at: try time("2026-11-21T22:30:00Z")) == nil)
        #expect(night.end(at: try time("2026-11-20T21:59:59Z")) == nil)
    }

    @Test func `windows that touch are one`() throws {
        let twice = try windows("UTC", "mon-sun 00:00-24:00")
        #expect(try #require(twice.end(at: try time("2026-11-21T12:00:00Z"))) >= (try time("2026-11-24T00:00:00Z")))
        let split = try windows("UTC", "sat 08:00-12:00", "sat 12:00-14:00", "sat 15:00-16:00")
        #expect(split.end(at: try time("2026-11-21T09:00:00Z")) == (try time("2026-11-21T14:00:00Z")))
    }

    @Test func `the day with 23 hours and the day with 25 close on time`() throws {
        let day = try windows("Europe/Berlin", "sun 00:00-24:00")
        let spring = try time("2026-03-28T23:00:00Z")
        #expect(day.end(at: spring) == (try time("2026-03-29T22:00:00Z")))
        let autumn = try time("2026-10-24T22:00:00Z")
        #expect(day.end(at: autumn) == (try time("2026-10-25T23:00:00Z")))
    }

    @Test func `an hour that the clocks jump over or show twice is read the shorter way`() throws {
        let jump = try windows("Europe/Berlin", "sun 02:30-04:00")
        #expect(jump.end(at: try time("2026-03-29T01:29:59Z")) == nil)
        #expect(jump.end(at: try time("2026-03-29T01:30:00Z")) == (try time("2026-03-29T02:00:00Z")))
        let begins = try windows("Europe/Berlin", "sun 02:30-04:00")
        #expect(begins.end(at: try time("2026-10-25T00:45:00Z")) == nil)
        #expect(begins.end(at: try time("2026-10-25T01:30:00Z")) == (try time("2026-10-25T03:00:00Z")))
        let ends = try windows("Europe/Berlin", "sun 01:00-02:30")
        #expect(ends.end(at: try time("2026-10-25T00:00:00Z")) == (try time("2026-10-25T00:30:00Z")))
        #expect(ends.end(at: try time("2026-10-25T01:00:00Z")) == nil)
    }

    @Test func `a turn of a roster is a week of the clocks on the wall`() throws {
        let people = try ["a", "b", "c"].map { try PersonName($0) }
        let roster = try DutyRoster(name: try RosterName("r"), zone: "Europe/Berlin", start: "2026-03-23 09:00", people: people)
        #expect(roster.onCall(at: try time("2026-03-23T07:59:59Z")) == nil)
        #expect(roster.onCall(at: try time("2026-03-23T08:00:00Z")) == people[0])
        // The clocks went forward on the 29th.
        #expect(roster.onCall(at: try time("2026-03-30T06:59:59Z")) == people[0])
        #expect(roster.onCall(at: try time("2026-03-30T07:00:00Z")) == people[1])
        #expect(roster.onCall(at: try time("2026-04-13T07:00:00Z")) == people[0])
    }

    @Test(arguments: ["2026-02-29 09:00", "2026-13-01 09:00", "2026-01-05T09:00", "2026-1-5 09:00", "2026-01-05 9:00", "", "2026-01-05 24:01"])
    func `a turn that begins on no day is refused`(start: String) {
        #expect(throws: Refusal.localTimeMalformed(start)) {
            try DutyRoster(name: try RosterName("r"), zone: "UTC", start: start, people: [])
        }
    }
}
