using System.Globalization;
using AIaaS.LocalHost.Timers;
using Microsoft.Extensions.Configuration;

namespace AIaaS.LocalHost.Tests.Timers;

public sealed class TimerScheduleTests
{
    private static readonly IConfiguration Configuration =
        new ConfigurationBuilder().AddInMemoryCollection([new("Nightly", "0 30 2 * * *"), new("Broken", "sometimes")]).Build();

    [Theory]
    [InlineData("*/5 * * * * *", "2026-11-21T10:00:35Z")]
    [InlineData("0 */15 * * * *", "2026-11-21T10:15:00Z")]
    [InlineData("0 0 9-17 * * MON-FRI", "2026-11-23T09:00:00Z")]
    [InlineData("30 10 * * *", "2026-11-21T10:30:00Z")]
    [InlineData("%Nightly%", "2026-11-22T02:30:00Z")]
    [InlineData("00:30:00", "2026-11-21T10:30:30Z")]
    [InlineData("1.00:00:00", "2026-11-22T10:00:30Z")]
    public void The_next_time_follows_the_expression(string expression, string expected)
    {
        var schedule = TimerSchedule.Parse(expression, Configuration);

        var next = schedule.Next(new DateTime(2026, 11, 21, 10, 0, 30, DateTimeKind.Utc));

        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture).UtcDateTime, next);
    }

    [Fact]
    public void A_date_that_never_comes_has_no_next_time() =>
        Assert.Null(TimerSchedule.Parse("0 0 0 30 2 *", Configuration).Next(new DateTime(2026, 11, 21, 0, 0, 0, DateTimeKind.Utc)));

    [Theory]
    [InlineData("sometimes")]
    [InlineData("%Missing%")]
    [InlineData("%Broken%")]
    [InlineData("00:00:00")]
    [InlineData("-00:10:00")]
    [InlineData("61 * * * * *")]
    [InlineData("")]
    public void Anything_else_is_refused(string expression) =>
        Assert.Throws<FormatException>(() => TimerSchedule.Parse(expression, Configuration));
}
