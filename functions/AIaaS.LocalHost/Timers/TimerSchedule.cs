using System.Globalization;
using Microsoft.Extensions.Configuration;
using NCrontab;

namespace AIaaS.LocalHost.Timers;

/// <summary>When a timer function runs, in UTC as in Azure.</summary>
internal sealed class TimerSchedule
{
    private readonly CrontabSchedule? _cron;
    private readonly TimeSpan _interval;

    private TimerSchedule(CrontabSchedule? cron, TimeSpan interval)
    {
        _cron = cron;
        _interval = interval;
    }

    /// <param name="expression">Six or five NCRONTAB fields, a time span such as <c>00:30:00</c>, or <c>%setting%</c> that holds one of them.</param>
    /// <param name="configuration">Holds the setting.</param>
    /// <exception cref="FormatException">It is none of them, or the setting is missing.</exception>
    public static TimerSchedule Parse(string expression, IConfiguration configuration)
    {
        var resolved = expression;
        if (expression is ['%', .. var setting, '%'])
            resolved = configuration[setting] ?? throw new FormatException($"There is no setting '{setting}' for the schedule '{expression}'.");

        var fields = resolved.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (CrontabSchedule.TryParse(resolved, new CrontabSchedule.ParseOptions { IncludingSeconds = fields.Length == 6 }) is { } cron)
            return new TimerSchedule(cron, default);
        if (TimeSpan.TryParse(resolved, CultureInfo.InvariantCulture, out var interval) && interval > TimeSpan.Zero)
            return new TimerSchedule(null, interval);
        throw new FormatException($"'{resolved}' is neither an NCRONTAB expression nor a time span above zero.");
    }

    /// <returns>The first occurrence after <paramref name="after"/>; null where there is none.</returns>
    public DateTime? Next(DateTime after)
    {
        if (_cron is null)
            return after + _interval;

        // The library says "never" with the end of its search.
        var next = _cron.GetNextOccurrence(after, DateTime.MaxValue);
        return next == DateTime.MaxValue ? null : next;
    }
}
