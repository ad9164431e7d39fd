defmodule ShakyOtp.Sessions do
  @moduledoc """
  Who is logged in, through which process and in which role.
  """

  use GenServer

  require Logger

  @roles [:customer, :clerk, :admin]
  @ttl :timer.minutes(30)

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Logs a user in; the session ends with the process `pid`, or after half an hour."
  def login(user, role, pid \\ self()) do
    GenServer.call(__MODULE__, {:login, user, String.to_existing_atom(role), pid})
  end

  @doc "Returns the role of a user, if there is a session."
  def role(user), do: GenServer.call(__MODULE__, {:role, user})

  @doc "Ends the session of a user."
  def logout(user), do: GenServer.cast(__MODULE__, {:logout, user})

  @doc "The number of open sessions."
  def count, do: GenServer.call(__MODULE__, :count)

  @impl true
  def init(_opts), do: {:ok, %{}}

  @impl true
  def handle_call({:login, user, role, pid}, _from, sessions) when role in @roles do
    sessions = close(sessions, user)

    session = %{
      role: role,
      monitor: Process.monitor(pid),
      timer: Process.send_after(self(), {:expire, user}, @ttl)
    }

    {:reply, :ok, Map.put(sessions, user, session)}
  end

  def handle_call({:login, _user, _role, _pid}, _from, sessions) do
    {:reply, {:error, :unknown_role}, sessions}
  end

  def handle_call({:role, user}, _from, sessions) do
    case sessions do
      %{^user => session} -> {:reply, {:ok, session.role}, sessions}
      _ -> {:reply, {:error, :"no session"}, sessions}
    end
  end

  def handle_call(:count, _from, sessions), do: {:reply, map_size(sessions), sessions}

  @impl true
  def handle_cast({:logout, user}, sessions), do: {:noreply, close(sessions, user)}

  @impl true
  def handle_info({:expire, user}, sessions), do: {:noreply, close(sessions, user)}

  def handle_info({:DOWN, ref, :process, _pid, _reason}, sessions) do
    case Enum.find(sessions, fn {_user, session} -> session.monitor == ref end) do
      {user, _session} -> {:noreply, close(sessions, user)}
      nil -> {:noreply, sessions}
    end
  end

  def handle_info(message, sessions) do
    Logger.warning("sessions ignore #{inspect(message)}")
    {:noreply, sessions}
  end

  defp close(sessions, user) do
    case Map.pop(sessions, user) do
      {nil, sessions} ->
        sessions

      {session, sessions} ->
        Process.demonitor(session.monitor, [:flush])
        Process.cancel_timer(session.timer)
        sessions
    end
  end
end
