namespace AIaaS.Functions.Hosts;

/// <summary>When timers run in Azure: seldom, as each time may start an instance that is paid for.</summary>
internal static class Schedules
{
    /// <summary>Looks round for what no message could tell of: every hour.</summary>
    public const string Recovery = "0 41 * * * *";

    /// <summary>Instances start and stop all the time.</summary>
    public const bool RecoverAtStart = false;

    /// <summary>Removes what is old: every night.</summary>
    public const string Housekeeping = "0 17 3 * * *";
}
