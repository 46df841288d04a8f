using System.Runtime.InteropServices;

namespace AIaaS.Trainer;

/// <summary>Why a job has to end before it is done.</summary>
internal enum EndReason
{
    None,

    /// <summary>Its node is wanted back, or it was cancelled: checkpoint and leave.</summary>
    Interrupted,

    /// <summary>It is past its deadline.</summary>
    TimedOut,
}

/// <summary>How long the job may go on: until a signal, the end of its parent, or its deadline.</summary>
internal sealed class JobLifetime : IDisposable
{
    /// <summary>The contract allows 30 s; what is left is for writing and leaving.</summary>
    private static readonly TimeSpan InterruptionGrace = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan DeadlineGrace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _graceOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IDisposable> _registrations = [];
    private int _reason;
    private ITimer? _grace;

    public JobLifetime(TimeProvider timeProvider) => _timeProvider = timeProvider;

    /// <summary>Cancelled when the job has to checkpoint and leave.</summary>
    public CancellationToken Ending => _ending.Token;

    /// <summary>Completes when the job was asked to leave and has had its time to do so.</summary>
    public Task GraceOver => _graceOver.Task;

    /// <summary>The first reason there was.</summary>
    public EndReason Reason => (EndReason)Volatile.Read(ref _reason);

    /// <param name="hasParent">Whether standard input is a pipe whose end means that the parent is gone.</param>
    public void Listen(bool hasParent)
    {
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            End(EndReason.Interrupted);
        }));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            // Ctrl-C reaches every process of a terminal; with a parent it is the parent who decides.
            if (!hasParent)
                End(EndReason.Interrupted);
        }));
        if (hasParent)
            new Thread(WaitForParent) { IsBackground = true, Name = "parent" }.Start();
    }

    public void EndAt(DateTimeOffset deadline)
    {
        var left = deadline - _timeProvider.GetUtcNow();
        if (left <= TimeSpan.Zero)
            End(EndReason.TimedOut);
        else if (left < LongestTimer)
            _registrations.Add(_timeProvider.CreateTimer(_ => End(EndReason.TimedOut), null, left, Timeout.InfiniteTimeSpan));
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _grace?.Dispose();
        _ending.Dispose();
    }

    internal void End(EndReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)EndReason.None) != (int)EndReason.None)
            return;
        _grace = _timeProvider.CreateTimer(
            _ => _graceOver.TrySetResult(), null, reason == EndReason.TimedOut ? DeadlineGrace : InterruptionGrace, Timeout.InfiniteTimeSpan);
        // Not on the caller's thread: what is cancelled may take its time, and a signal handler must return.
        _ = _ending.CancelAsync();
    }

    private void WaitForParent()
    {
        using var input = Console.OpenStandardInput();
        Span<byte> buffer = stackalloc byte[64];
        while (input.Read(buffer) > 0)
        {
        }

        End(EndReason.Interrupted);
    }
}
