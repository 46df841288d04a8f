using System.Threading.Channels;
using AIaaS.LocalHost.Hosting;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Tests.Timers;

public sealed class TimerTriggersTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 21, 10, 0, 30, TimeSpan.Zero);

    private readonly ManualTime _time = new(Start);
    private readonly Runs _runs = new();

    [Fact]
    public async Task A_function_runs_at_each_time_of_its_schedule()
    {
        await using var host = await StartAsync(typeof(Minutely));

        Assert.Equal(Start.AddSeconds(30), await _time.JumpToNextAsync());
        await _runs.NextAsync();
        Assert.Equal(Start.AddSeconds(90), await _time.JumpToNextAsync());
        await _runs.NextAsync();
    }

    [Fact]
    public async Task A_run_knows_the_last_and_the_next_time()
    {
        await using var host = await StartAsync(typeof(Minutely));

        await _time.JumpToNextAsync();
        var first = (await _runs.NextAsync()).ScheduleStatus!;
        await _time.JumpToNextAsync();
        var second = (await _runs.NextAsync()).ScheduleStatus!;

        Assert.Equal(default, first.Last);
        Assert.Equal(Start.AddSeconds(90).UtcDateTime, first.Next);
        Assert.Equal(Start.AddSeconds(30).UtcDateTime, second.Last);
    }

    [Fact]
    public async Task A_function_may_run_when_the_host_starts()
    {
        await using var host = await StartAsync(typeof(AtStart));

        Assert.Null((await _runs.NextAsync()).ScheduleStatus);
        Assert.Equal(Start, _time.GetUtcNow());
    }

    [Fact]
    public async Task A_setting_may_hold_the_schedule()
    {
        await using var host = await StartAsync(builder => builder.Configuration["Pace"] = "00:00:05", typeof(BySetting));

        Assert.Equal(Start.AddSeconds(5), await _time.JumpToNextAsync());
        await _runs.NextAsync();
    }

    [Fact]
    public async Task A_run_that_takes_longer_than_its_interval_is_not_overlapped()
    {
        var slow = new Slow();
        await using var host = await StartAsync(builder => builder.Services.AddSingleton(slow), typeof(SlowFunction));

        await _time.JumpToNextAsync();
        await _runs.NextAsync();
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(1, slow.Running);
        slow.Finish.SetResult();

        // Planned from when the run ended; the times missed meanwhile are not caught up.
        Assert.Equal(Start.AddSeconds(30).AddMinutes(6), await _time.JumpToNextAsync());
        await _runs.NextAsync();
    }

    [Fact]
    public async Task A_failure_is_logged_and_does_not_end_the_schedule()
    {
        var log = new ErrorLog();
        await using var host = await StartAsync(builder => builder.Logging.AddProvider(log), typeof(Failing));

        await _time.JumpToNextAsync();
        await _runs.NextAsync();
        await _time.JumpToNextAsync();
        await _runs.NextAsync();

        Assert.Contains("Failing", await log.Errors.Reader.ReadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_further_away_than_system_timers_reach_is_waited_for()
    {
        await using var host = await StartAsync(typeof(Yearly));

        DateTimeOffset reached;
        do
        {
            reached = await _time.JumpToNextAsync();
        }
        while (reached < new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero));

        await _runs.NextAsync();
        Assert.Equal(new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero), reached);
    }

    [Fact]
    public async Task A_schedule_that_cannot_be_read_refuses_to_start()
    {
        await using var app = RunningHost.Build(_ => { }, typeof(BySetting));

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => app.StartAsync());

        Assert.Contains("'BySetting'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("'Pace'", refused.Message, StringComparison.Ordinal);
    }

    private Task<RunningHost> StartAsync(params Type[] functions) => StartAsync(_ => { }, functions);

    private Task<RunningHost> StartAsync(Action<LocalHostBuilder> configure, params Type[] functions) => RunningHost.StartAsync(
        builder =>
        {
            builder.Services.AddSingleton<TimeProvider>(_time);
            builder.Services.AddSingleton(_runs);
            configure(builder);
        },
        functions);

    public sealed class Runs
    {
        private readonly Channel<TimerInfo> _seen = Channel.CreateUnbounded<TimerInfo>();

        public void Add(TimerInfo timer) => _seen.Writer.TryWrite(timer);

        public Task<TimerInfo> NextAsync() => _seen.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    public sealed class Minutely(Runs runs)
    {
        [Function("Minutely")]
        public void Run([TimerTrigger("0 * * * * *")] TimerInfo timer) => runs.Add(timer);
    }

    public sealed class AtStart(Runs runs)
    {
        [Function("AtStart")]
        public void Run([TimerTrigger("0 0 0 1 1 *", RunOnStartup = true, UseMonitor = false)] TimerInfo timer) => runs.Add(timer);
    }

    public sealed class BySetting(Runs runs)
    {
        [Function("BySetting")]
        public void Run([TimerTrigger("%Pace%")] TimerInfo timer) => runs.Add(timer);
    }

    public sealed class Yearly(Runs runs)
    {
        [Function("Yearly")]
        public void Run([TimerTrigger("0 0 0 1 1 *")] TimerInfo timer) => runs.Add(timer);
    }

    public sealed class Failing(Runs runs)
    {
        [Function("Failing")]
        public void Run([TimerTrigger("0 * * * * *")] TimerInfo timer)
        {
            runs.Add(timer);
            throw new InvalidOperationException("It fails.");
        }
    }

    public sealed class Slow
    {
        public int Running { get; set; }

        public TaskCompletionSource Finish { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public sealed class SlowFunction(Runs runs, Slow slow)
    {
        [Function("Slow")]
        public async Task Run([TimerTrigger("0 * * * * *")] TimerInfo timer)
        {
            slow.Running++;
            runs.Add(timer);
            await slow.Finish.Task;
        }
    }

    private sealed class ErrorLog : ILoggerProvider, ILogger
    {
        public Channel<string> Errors { get; } = Channel.CreateUnbounded<string>();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Errors.Writer.TryWrite(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
