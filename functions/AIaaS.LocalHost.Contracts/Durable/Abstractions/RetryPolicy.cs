using System.ComponentModel;

namespace Microsoft.DurableTask;

/// <summary>A declarative retry policy with exponential back-off.</summary>
public class RetryPolicy
{
    /// <param name="maxNumberOfAttempts">Attempts in all, the first included; 1 or more.</param>
    /// <param name="firstRetryInterval">The wait before the second attempt; above zero.</param>
    /// <param name="backoffCoefficient">The factor by which the wait grows; 1 or more.</param>
    /// <param name="maxRetryInterval">The longest wait; an hour when absent.</param>
    /// <param name="retryTimeout">After this long since the first attempt no retry is made; never when absent.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public RetryPolicy(
        int maxNumberOfAttempts,
        TimeSpan firstRetryInterval,
        double backoffCoefficient = 1.0,
        TimeSpan? maxRetryInterval = null,
        TimeSpan? retryTimeout = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNumberOfAttempts);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(firstRetryInterval, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(backoffCoefficient, 1.0);
        if (maxRetryInterval < firstRetryInterval && maxRetryInterval != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(maxRetryInterval), maxRetryInterval, "Must not be shorter than the first retry interval.");
        if (retryTimeout < firstRetryInterval && retryTimeout != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(retryTimeout), retryTimeout, "Must not be shorter than the first retry interval.");

        MaxNumberOfAttempts = maxNumberOfAttempts;
        FirstRetryInterval = firstRetryInterval;
        BackoffCoefficient = backoffCoefficient;
        MaxRetryInterval = maxRetryInterval ?? TimeSpan.FromHours(1);
        RetryTimeout = retryTimeout ?? Timeout.InfiniteTimeSpan;
        Handle = _ => true;
    }

    public int MaxNumberOfAttempts { get; }

    public TimeSpan FirstRetryInterval { get; }

    public double BackoffCoefficient { get; }

    public TimeSpan MaxRetryInterval { get; }

    public TimeSpan RetryTimeout { get; }

    [EditorBrowsable(EditorBrowsableState.Never)]
    public Func<Exception, bool> Handle { get; private init; }

    [Obsolete("This functionality is not implemented. Will be removed in the future. Use TaskOptions.FromRetryHandler or HandleFailure instead.")]
    public Func<Exception, Task<bool>>? HandleAsync { get; set; }

    /// <summary>Sets which failures are tried again; all when absent.</summary>
    public Func<TaskFailureDetails, bool> HandleFailure
    {
        init => Handle = exception => exception is TaskFailedException failed
            ? value(failed.FailureDetails)
            : throw new InvalidOperationException("Only the failure of a task has failure details.", exception);
    }
}
