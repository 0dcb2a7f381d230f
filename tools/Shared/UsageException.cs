namespace MeLo.Edge.Tools;

/// <summary>Options that do not go together: exit code 2. The message is a sentence.</summary>
internal sealed class UsageException : Exception
{
    private UsageException(string message)
        : base(message)
    {
    }

    public static UsageException Options(string fault) => new(fault);
}
