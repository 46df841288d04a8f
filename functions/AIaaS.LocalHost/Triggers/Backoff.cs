namespace AIaaS.LocalHost.Triggers;

/// <summary>Waits between attempts.</summary>
internal static class Backoff
{
    /// <summary>The wait after an attempt, counted from 1: <paramref name="first"/>, doubled each time, at most <paramref name="longest"/>.</summary>
    public static TimeSpan After(int attempt, TimeSpan first, TimeSpan longest) =>
        TimeSpan.FromTicks((long)Math.Min(longest.Ticks, first.Ticks * Math.Pow(2, attempt - 1)));
}
