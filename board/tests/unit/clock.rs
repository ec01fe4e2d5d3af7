use castiron_board::clock::Clock;

#[test]
fn clocks_are_read_as_people_write_them() {
    for (text, hz, shown) in [
        ("168M", 168_000_000, "168 MHz"),
        ("64 MHz", 64_000_000, "64 MHz"),
        ("32.768k", 32_768, "32768 Hz"),
        ("12500000", 12_500_000, "12.5 MHz"),
        ("1ghz", 1_000_000_000, "1000 MHz"),
    ] {
        let clock: Clock = text.parse().expect(text);
        assert_eq!((clock.hz, clock.text().as_str()), (hz, shown), "{text}");
    }
    for text in [
        "", "M", "0", "216", "-1M", "1e6", "nan", "inf", "168X", "168 M M", "9999999G",
    ] {
        let wrong = text.parse::<Clock>().expect_err(text);
        assert_eq!(
            wrong.message, "the clock is no frequency of a processor",
            "{text}"
        );
    }
}
