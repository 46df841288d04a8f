using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Microsoft.DurableTask;

/// <summary>Why a task failed.</summary>
/// <param name="ErrorType">The full name of the exception's type.</param>
/// <param name="ErrorMessage">The exception's message.</param>
/// <param name="StackTrace">Where it was thrown.</param>
/// <param name="InnerFailure">What caused it.</param>
/// <param name="Properties">More about the exception.</param>
public record TaskFailureDetails(
    string ErrorType,
    string ErrorMessage,
    string? StackTrace,
    TaskFailureDetails? InnerFailure,
    IDictionary<string, object?>? Properties)
{
    private Type? _exceptionType;

    public override string ToString() => $"{ErrorType}: {ErrorMessage}";

    /// <summary>Whether the failure is an exception of this type or one derived from it.</summary>
    /// <exception cref="AmbiguousMatchException">Several loaded assemblies have an exception of that name.</exception>
    public bool IsCausedBy<T>()
        where T : Exception
        => IsCausedBy(typeof(T));

    /// <inheritdoc cref="IsCausedBy{T}"/>
    /// <exception cref="ArgumentException">The type is no exception.</exception>
    public bool IsCausedBy(Type targetBaseExceptionType)
    {
        ArgumentNullException.ThrowIfNull(targetBaseExceptionType);
        if (!typeof(Exception).IsAssignableFrom(targetBaseExceptionType))
            throw new ArgumentException($"The type {targetBaseExceptionType} is not an exception type.", nameof(targetBaseExceptionType));
        if (string.IsNullOrEmpty(ErrorType))
            return false;

        _exceptionType ??= Type.GetType(ErrorType, throwOnError: false)
            ?? targetBaseExceptionType.Assembly.GetType(ErrorType, throwOnError: false)
            ?? FindInLoadedAssemblies(ErrorType);
        return targetBaseExceptionType.IsAssignableFrom(_exceptionType);
    }

    public static TaskFailureDetails FromException(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return Describe(exception);
    }

    [return: NotNullIfNotNull(nameof(exception))]
    private static TaskFailureDetails? Describe(Exception? exception) => exception switch
    {
        null => null,
        TaskFailedException failed => new TaskFailureDetails(
            typeof(TaskFailedException).ToString(), failed.Message, failed.StackTrace, failed.FailureDetails, null),
        _ => new TaskFailureDetails(
            exception.GetType().ToString(), exception.Message, exception.StackTrace, Describe(exception.InnerException), null),
    };

    private static Type? FindInLoadedAssemblies(string typeName)
    {
        var found = AppDomain.CurrentDomain.GetAssemblies()
            .Select(assembly => assembly.GetType(typeName, throwOnError: false))
            .OfType<Type>()
            .Take(2)
            .ToList();
        return found.Count > 1
            ? throw new AmbiguousMatchException($"Multiple exception types with the name '{typeName}' were found.")
            : found.FirstOrDefault();
    }
}
