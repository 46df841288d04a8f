using AIaaS.LocalHost.Functions;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Timers;

/// <summary>Runs timer functions; the next run of one is planned when the last has ended, so that none overlaps itself.</summary>
internal sealed partial class TimerTriggers(
    FunctionCatalog catalog,
    IFunctionExecutor executor,
    IConfiguration configuration,
    TimeProvider timeProvider,
    ILogger<TimerTriggers> logger) : BackgroundService
{
    /// <summary>Timers of the system cannot be set for longer than 49 days.</summary>
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(1);

    private List<(FunctionDescriptor Function, TimerSchedule Schedule)> _timers = [];

    /// <exception cref="InvalidOperationException">A schedule cannot be read; the message names the function.</exception>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _timers = [.. catalog.Enabled(TriggerKind.Timer).Select(function => (function, Parse(function)))];
        return base.StartAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_timers.Select(timer => RunAsync(timer.Function, timer.Schedule, stoppingToken)));

    private async Task RunAsync(FunctionDescriptor function, TimerSchedule schedule, CancellationToken stoppingToken)
    {
        var trigger = (TimerTriggerAttribute)function.Trigger;
        var last = default(DateTime);
        try
        {
            if (trigger.RunOnStartup)
                last = await RunOnceAsync(function, trigger, schedule, last, stoppingToken);

            while (schedule.Next(Now()) is { } next)
            {
                while (Now() < next)
                {
                    var remaining = next - Now();
                    await Task.Delay(remaining < LongestDelay ? remaining : LongestDelay, timeProvider, stoppingToken);
                }

                last = await RunOnceAsync(function, trigger, schedule, last, stoppingToken);
            }

            LogNever(function.Name);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    private async Task<DateTime> RunOnceAsync(FunctionDescriptor function, TimerTriggerAttribute trigger, TimerSchedule schedule, DateTime last, CancellationToken stoppingToken)
    {
        var now = Now();
        var timer = new TimerInfo();
        if (trigger.UseMonitor)
            timer.ScheduleStatus = new ScheduleStatus { Last = last, Next = schedule.Next(now) ?? default, LastUpdated = last };

        try
        {
            await executor.ExecuteAsync(function.Name, new TriggerData(timer, new Dictionary<string, object?>()), stoppingToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            LogFailure(exception, function.Name);
        }

        return now;
    }

    private TimerSchedule Parse(FunctionDescriptor function)
    {
        try
        {
            return TimerSchedule.Parse(((TimerTriggerAttribute)function.Trigger).Schedule, configuration);
        }
        catch (FormatException exception)
        {
            throw new InvalidOperationException($"Function '{function.Name}' has no usable schedule. {exception.Message}", exception);
        }
    }

    private DateTime Now() => timeProvider.GetUtcNow().UtcDateTime;

    [LoggerMessage(Level = LogLevel.Error, Message = "Timer function {Function} failed; it runs again at its next time.")]
    private partial void LogFailure(Exception exception, string function);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The schedule of timer function {Function} has no further occurrence.")]
    private partial void LogNever(string function);
}
