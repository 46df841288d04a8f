using System.Collections.Concurrent;
using System.Threading.Channels;
using AIaaS.LocalHost.Durable.History;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Durable;

/// <summary>
/// Runs orchestrations so that they survive the process. Whatever happens to an instance is a record in its history
/// first and takes effect only then, so that the instance can always be rebuilt from its history.
/// </summary>
/// <remarks>
/// What one instance does to another (start it, send it an event, give it a result) is part of the sender's record, is
/// carried out after that, and is carried out again after a crash until the sender's history says that it arrived; the
/// receiver knows what it has received. So a crash between two histories neither loses nor doubles anything.
/// </remarks>
internal sealed partial class DurableEngine : IAsyncDisposable
{
    private readonly DurableEngineOptions _options;
    private readonly HistoryFolder _files;
    private readonly IDurableFunctions _functions;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggerFactory;
    private readonly ILogger _logger;

    private readonly DurableTimers _timers;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _activitySlots;
    private readonly Channel<ActivityWork> _activities = Channel.CreateUnbounded<ActivityWork>();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _registry = new();
    private readonly ConcurrentDictionary<string, DurableInstance> _active = new(StringComparer.Ordinal);
    private readonly DeliveredMessages _delivered = new();

    private readonly Lock _busyGate = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _busy;
    private bool _stopping;
    private List<Task> _loops = [];

    public DurableEngine(DurableEngineOptions options, IDurableFunctions functions, TimeProvider time, ILoggerFactory loggerFactory)
        : this(options, new HistoryFolder(options.Folder), functions, time, loggerFactory)
    {
    }

    internal DurableEngine(
        DurableEngineOptions options, HistoryFolder files, IDurableFunctions functions, TimeProvider time, ILoggerFactory loggerFactory)
    {
        _options = options;
        _files = files;
        _functions = functions;
        _time = time;
        _loggerFactory = loggerFactory;
        _logger = loggerFactory.CreateLogger<DurableEngine>();
        _timers = new DurableTimers(time);
        _activitySlots = new SemaphoreSlim(options.MaxConcurrentActivities);
    }

    /// <summary>Completes once the histories have been read.</summary>
    public Task Started => _started.Task;

    private DateTime Now => _time.GetUtcNow().UtcDateTime;

    /// <summary>Reads the histories of all instances that have not ended and lets them go on.</summary>
    public void Start()
    {
        Recover();
        _loops = [RunActivitiesAsync(), FlushAsync()];
        _started.TrySetResult();
    }

    /// <summary>
    /// Begins no further turn, cancels running activities and waits for both; cancelled activities run again after the
    /// next start. When the token is cancelled it waits no longer, which loses nothing that is recorded.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_busyGate)
        {
            if (_stopping)
                return;
            _stopping = true;
            if (_busy == 0)
                _idle.TrySetResult();
        }

        await _stop.CancelAsync();
        _timers.Dispose();
        try
        {
            await _idle.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            LogStillBusy(_busy);
        }

        _files.Close();
        await Task.WhenAll(_loops);
        if (_options.FlushInterval > TimeSpan.Zero)
            _files.Flush();
    }

    public async ValueTask DisposeAsync()
    {
        using var noPatience = new CancellationTokenSource();
        await noPatience.CancelAsync();
        await StopAsync(noPatience.Token);
    }

    /// <summary>Leaves everything as a killed process would: nothing more is written.</summary>
    internal void Kill()
    {
        _files.Close();
        lock (_busyGate)
        {
            _stopping = true;
        }

        _stop.Cancel();
        _timers.Dispose();
    }

    private bool TryEnter()
    {
        lock (_busyGate)
        {
            if (_stopping)
                return false;
            _busy++;
            return true;
        }
    }

    private void Leave()
    {
        lock (_busyGate)
        {
            if (--_busy == 0 && _stopping)
                _idle.TrySetResult();
        }
    }

    /// <summary>Tries again later what the disk refused.</summary>
    private void Later(Action action) => _timers.Add(Now + _options.FaultDelay, action);

    private async Task FlushAsync()
    {
        if (_options.FlushInterval <= TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(_options.FlushInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                try
                {
                    _files.Flush();
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    LogFlushFailed(exception);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The engine stops.
        }
    }

    [LoggerMessage(LogLevel.Warning, "Stopped while {Count} turns or activities were still running; they will run again.")]
    private partial void LogStillBusy(int count);

    [LoggerMessage(LogLevel.Error, "Histories could not be flushed to the disk.")]
    private partial void LogFlushFailed(Exception exception);

    [LoggerMessage(LogLevel.Error, "The turn of instance {InstanceId} could not be recorded; it will be taken again.")]
    private partial void LogTurnFailed(Exception exception, string instanceId);

    [LoggerMessage(LogLevel.Error, "What happened to instance {InstanceId} could not be recorded; it will be tried again.")]
    private partial void LogRecordFailed(Exception exception, string instanceId);

    [LoggerMessage(LogLevel.Error, "The history of instance {InstanceId} is damaged; the instance has failed and the damaged file was set aside: {Reason}")]
    private partial void LogCorrupt(string instanceId, string reason);

    [LoggerMessage(LogLevel.Warning, "Instance {InstanceId} of orchestrator {Name} failed: {ErrorType}: {ErrorMessage}")]
    private partial void LogOrchestrationFailed(string instanceId, string name, string errorType, string errorMessage);

    [LoggerMessage(LogLevel.Information, "Recovered {Count} orchestrations that had not ended.")]
    private partial void LogRecovered(int count);
}
