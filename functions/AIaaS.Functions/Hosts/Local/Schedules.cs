namespace AIaaS.Functions.Hosts;

/// <summary>When timers run on one's own machine, where looking round costs nothing.</summary>
internal static class Schedules
{
    /// <summary>Looks round for runs that a crash left behind.</summary>
    public const string Recovery = "30 * * * * *";

    /// <summary>A home that is opened again goes on at once.</summary>
    public const bool RecoverAtStart = true;

    /// <summary>Removes what is old.</summary>
    public const string Housekeeping = "0 17 * * * *";
}
