using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Runs a function on a schedule.</summary>
public sealed class TimerTriggerAttribute : TriggerBindingAttribute
{
    /// <param name="schedule">An NCRONTAB expression of six fields, a time span, or <c>%setting%</c> that holds one of them.</param>
    public TimerTriggerAttribute(string schedule)
    {
        Schedule = schedule;
        UseMonitor = true;
    }

    public string Schedule { get; private set; }

    public bool UseMonitor { get; set; }

    /// <summary>Runs once when the host starts, too.</summary>
    public bool RunOnStartup { get; set; }
}

/// <summary>What a timer function gets.</summary>
public class TimerInfo
{
    public ScheduleStatus? ScheduleStatus { get; set; }

    public bool IsPastDue { get; set; }
}

public class ScheduleStatus
{
    public DateTime Last { get; set; }

    public DateTime Next { get; set; }

    public DateTime LastUpdated { get; set; }
}
